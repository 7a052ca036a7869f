{{/*
Labels by which the pods of a release are found, and nothing else: what a job class says of pods may change, a selector
may not. Give it the root.
*/}}
{{- define "web.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/*
Metadata of what stands beside a job: its Service, Ingress and the like. Give it root, and in name, labels and
annotations what differs.
*/}}
{{- define "web.metadata" -}}
name: {{ .name | default .root.Release.Name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- merge (dict) (.labels | default dict) (include "platform.labels" .root | fromYaml) | toYaml | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
The Service of the pods that the selector finds: port 80, to the container port named http. Give it root, and in ports
further ones.
*/}}
{{- define "web.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "web.metadata" . | nindent 2 }}
spec:
  type: ClusterIP
  selector:
    {{- include "web.selector" .root | nindent 4 }}
  ports:
    {{- prepend (.ports | default list) (dict "name" "http" "port" 80 "targetPort" "http") | toYaml | nindent 4 }}
{{- end -}}

{{/*
The Ingress to port 80 of a Service, if the values have one. Give it root and service (its name).
*/}}
{{- define "web.ingress" -}}
{{- with .root.Values.ingress -}}
{{- $ingress := include "platform.withDefaults" (dict "root" $.root "of" "IngressValues" "values" .) | fromYaml -}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "web.metadata" (dict "root" $.root "annotations" $ingress.annotations) | nindent 2 }}
spec:
  ingressClassName: {{ $ingress.className }}
  {{- with $ingress.tlsSecret }}
  tls:
    - hosts: [{{ $ingress.host | quote }}]
      secretName: {{ . }}
  {{- end }}
  rules:
    - host: {{ $ingress.host | quote }}
      http:
        paths:
          - path: {{ $ingress.path | quote }}
            pathType: Prefix
            backend:
              service: {name: {{ $.service }}, port: {number: 80}}
{{- end }}
{{- end -}}

{{/*
The ConfigMap of the files, as a document of its own, if there are any. Give it the root.
*/}}
{{- define "web.files" -}}
{{- with include "platform.files" . -}}
---
{{ . }}
{{- end }}
{{- end -}}

{{/*
A probe of the container port named http, as YAML. Give it path, and in timing its fields beside.
*/}}
{{- define "web.probe" -}}
{{- merge (dict "httpGet" (dict "path" .path "port" "http")) .timing | toYaml -}}
{{- end -}}

{{/*
The volume and the mount of shared memory of a size, as YAML with volumes and mounts; neither where there is no size.
*/}}
{{- define "web.sharedMemory" -}}
{{- $volumes := list -}}
{{- $mounts := list -}}
{{- if . -}}
{{- $volumes = list (dict "name" "shared-memory" "emptyDir" (dict "medium" "Memory" "sizeLimit" .)) -}}
{{- $mounts = list (dict "name" "shared-memory" "mountPath" "/dev/shm") -}}
{{- end -}}
{{- dict "volumes" $volumes "mounts" $mounts | toYaml -}}
{{- end -}}

{{/*
What is said of one kind of pods, with the labels of a selector, which nothing else may override, and with what makes
pods start anew when the files change. Give it root, pod (the values) and selector.
*/}}
{{- define "web.podValues" -}}
{{- $own := dict "labels" (merge (dict) .selector (.pod.labels | default dict)) -}}
{{- with .root.Values.files -}}
{{- $_ := set $own "annotations" (merge (dict "checksum/files" (toJson . | sha256sum)) ($.pod.annotations | default dict)) -}}
{{- end -}}
{{- merge $own .pod | toYaml -}}
{{- end -}}

{{/*
A place for files that stay, as YAML: volumes, and the directory that is mounted, "" for the whole. Give it root, storage
(the values), name (their key), and created (the claim that is made of a size; none where a StatefulSet makes it).
*/}}
{{- define "web.storage" -}}
{{- $storage := .storage -}}
{{- if and $storage.claim $storage.size -}}
{{- fail (printf "%s: has claim = %q and size = %q; a claim that exists has a size of its own" .name $storage.claim $storage.size) -}}
{{- end -}}
{{- if and $storage.storageClass (not $storage.size) -}}
{{- fail (printf "%s.storageClass = %q: is for a new claim, so say %s.size" .name $storage.storageClass .name) -}}
{{- end -}}
{{- if and $storage.subPath (not $storage.claim) -}}
{{- fail (printf "%s.subPath = %q: is for a claim that exists, so say %s.claim" .name $storage.subPath .name) -}}
{{- end -}}
{{- $volumes := list -}}
{{- with $storage.claim | default (and $storage.size .created) -}}
{{- $volumes = list (dict "name" "storage" "persistentVolumeClaim" (dict "claimName" .)) -}}
{{- end -}}
volumes: {{ toJson $volumes }}
directory: {{ empty $storage.claim | ternary "" ($storage.subPath | default .root.Release.Name) | quote }}
{{- end -}}

{{/*
The spec of a new claim. Give it the values of a place for files.
*/}}
{{- define "web.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .storageClass }}
storageClassName: {{ . }}
{{- end }}
resources: {requests: {storage: {{ .size }}}}
{{- end -}}

{{/*
An init container that makes directories in the volume `storage`, as the user of the pod: the kubelet would make those
of a subPath as root. Give it root and directories.
*/}}
{{- define "web.makeDirectories" -}}
name: make-directories
image: {{ .root.Values.image | quote }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
command: [mkdir, -p]
args:
  {{- range .directories }}
  - {{ printf "/storage/%s" . | quote }}
  {{- end }}
resources:
  requests: {cpu: 50m, memory: 64Mi}
  limits: {cpu: 250m, memory: 64Mi}
securityContext:
  {{- include "platform.containerSecurity" . | nindent 2 }}
volumeMounts:
  - {name: storage, mountPath: /storage}
{{- end -}}

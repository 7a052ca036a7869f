{{/*
Labels of everything that a chart makes. Give it the root.
*/}}
{{- define "platform.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.platform.tenant }}
tenant: {{ . }}
{{- end }}
{{- end -}}

{{/*
The marker by which a job of a kind enters its queue, as YAML. Give it root and kind.
*/}}
{{- define "platform.marker" -}}
{{- get .root.Values.platform.queue.markers .kind | default dict | toYaml -}}
{{- end -}}

{{/*
Metadata of a job: name, labels and annotations with what its queue wants. Give it root, kind, elastic (whether it
grows and shrinks while it runs), and name if it is not the release's.
*/}}
{{- define "platform.jobMetadata" -}}
{{- $marker := include "platform.marker" . | fromYaml -}}
{{- $annotations := merge (dict) (ternary ($marker.elastic | default dict) dict (.elastic | default false)) ($marker.annotations | default dict) -}}
name: {{ .name | default .root.Release.Name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- merge (include "platform.labels" .root | fromYaml) ($marker.labels | default dict) | toYaml | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
`suspend: true` where the queue starts jobs of a kind. Give it root and kind.
*/}}
{{- define "platform.suspend" -}}
{{- if (include "platform.marker" . | fromYaml).suspend -}}
suspend: true
{{- end -}}
{{- end -}}

{{/*
The placement of a job class, as YAML. Give it root and class. Fails where the platform has job classes and not this one.
*/}}
{{- define "platform.placement" -}}
{{- $classes := .root.Values.platform.jobClasses -}}
{{- if and .class $classes (not (hasKey $classes .class)) -}}
{{- fail (printf "jobClass %q is not one of the namespace's: %s" .class (keys $classes | sortAlpha | join ", ")) -}}
{{- end -}}
{{- get $classes .class | default dict | toYaml -}}
{{- end -}}

{{/*
Service account of the pods: the job's own word, else the kind's if the platform has it. Give it root and kind (of jobs,
such as ray).
*/}}
{{- define "platform.serviceAccount" -}}
{{- if .root.Values.serviceAccountName -}}
{{ .root.Values.serviceAccountName }}
{{- else if has .kind (.root.Values.platform.serviceAccounts | default list) -}}
{{ .kind }}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/*
What a gang's pods say, as YAML with labels and annotations. Give it root, gang (name and pods), or no gang.
*/}}
{{- define "platform.gang" -}}
{{- $labels := dict -}}
{{- $annotations := dict -}}
{{- with .gang -}}
{{- $gang := . -}}
{{- range $key, $value := $.root.Values.platform.queue.gangLabels -}}
{{- $_ := set $labels $key ($value | replace "{name}" $gang.name | replace "{pods}" (toString $gang.pods)) -}}
{{- end -}}
{{- range $key, $value := $.root.Values.platform.queue.gangAnnotations -}}
{{- $_ := set $annotations $key ($value | replace "{name}" $gang.name | replace "{pods}" (toString $gang.pods)) -}}
{{- end -}}
{{- end -}}
{{- dict "labels" $labels "annotations" $annotations | toYaml -}}
{{- end -}}

{{/*
The gang of a job, as YAML with name and pods; nothing where it is off. Give it root, gang (the values) and pods (how many
the job has). Fails where the minimum is more than that.
*/}}
{{- define "platform.gangOf" -}}
{{- if .gang.enabled -}}
{{- $minimum := int (.gang.minimum | default .pods) -}}
{{- if gt $minimum (int .pods) -}}
{{- fail (printf "gang.minimum = %d: the job has only %d pods, so it would never start" $minimum (int .pods)) -}}
{{- end -}}
{{- dict "name" .root.Release.Name "pods" $minimum | toYaml -}}
{{- end -}}
{{- end -}}

{{/*
Environment variables of every container. Give it the root.
*/}}
{{- define "platform.env" -}}
{{- $storage := .Values.platform.objectStorage -}}
{{- $known := dict -}}
{{- with $storage.endpoint }}{{ $_ := set $known "OSS_ENDPOINT" . }}{{ end -}}
{{- with $storage.region -}}
{{- $_ := set $known "OSS_REGION" . -}}
{{- /* Where the SDK's credentials find STS: tenants reach it inside the VPC alone. */ -}}
{{- $_ := set $known "ALIBABA_CLOUD_STS_REGION" . -}}
{{- $_ := set $known "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED" "true" -}}
{{- end -}}
{{- range $role, $bucket := $storage.buckets }}{{ $_ := set $known (printf "BUCKET_%s" ($role | upper | replace "-" "_")) $bucket }}{{ end -}}
{{- range $name, $value := merge (dict) .Values.env $known }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/*
One container with what the job says of all, as YAML. Give it root, name, resources, and in container what it has beside:
command, args, ports, probes, further env.
*/}}
{{- define "platform.container" -}}
{{- $env := concat (include "platform.env" .root | fromYamlArray) (.container.env | default list) -}}
{{- $mounts := list -}}
{{- range $index, $values := .root.Values.volumes -}}
{{- $volume := include "platform.withDefaults" (dict "root" $.root "of" "VolumeValues" "values" $values) | fromYaml -}}
{{- $mount := dict "name" (printf "claim-%d" $index) "mountPath" $volume.path "readOnly" $volume.readOnly -}}
{{- with $volume.subPath }}{{ $_ := set $mount "subPath" . }}{{ end -}}
{{- $mounts = append $mounts $mount -}}
{{- end -}}
{{- if .root.Values.files -}}
{{- $mounts = append $mounts (dict "name" "files" "mountPath" "/etc/job" "readOnly" true) -}}
{{- end -}}
{{- $mounts = concat $mounts (.container.volumeMounts | default list) -}}
{{- $secrets := list -}}
{{- range .root.Values.secrets }}{{ $secrets = append $secrets (dict "secretRef" (dict "name" .)) }}{{ end -}}
{{- $own := dict "name" .name "image" .root.Values.image "imagePullPolicy" (.root.Values.imagePullPolicy | default "IfNotPresent") "resources" .resources "securityContext" (include "platform.containerSecurity" . | fromYaml) -}}
{{- if $env }}{{ $_ := set $own "env" $env }}{{ end -}}
{{- if $secrets }}{{ $_ := set $own "envFrom" $secrets }}{{ end -}}
{{- if $mounts }}{{ $_ := set $own "volumeMounts" $mounts }}{{ end -}}
{{- merge (dict) $own (omit .container "env" "volumeMounts") | toYaml -}}
{{- end -}}

{{- define "platform.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/*
Volumes of every pod: the job's claims and files, as YAML. Give it the root.
*/}}
{{- define "platform.volumes" -}}
{{- range $index, $values := .Values.volumes }}
{{- $volume := include "platform.withDefaults" (dict "root" $ "of" "VolumeValues" "values" $values) | fromYaml }}
- name: claim-{{ $index }}
  persistentVolumeClaim: {claimName: {{ $volume.claim }}, readOnly: {{ $volume.readOnly }}}
{{- end }}
{{- if .Values.files }}
- name: files
  configMap: {name: {{ .Release.Name }}-files}
{{- end }}
{{- end -}}

{{/*
What a pod asks for: its own word, else what its class says, as YAML. Give it root and pod (the values).
*/}}
{{- define "platform.resources" -}}
{{- $placement := include "platform.placement" (dict "root" .root "class" .pod.jobClass) | fromYaml -}}
{{- $resources := .pod.resources | default $placement.resources -}}
{{- if not $resources -}}
{{- fail (printf "resources: missing; the job class %q says nothing of them, so say how much CPU and memory a pod asks for" (.pod.jobClass | default "")) -}}
{{- end -}}
{{- $resources | toYaml -}}
{{- end -}}

{{/*
A pod template. Give it root, pod (the values of this kind of pods), jobKind (such as ray), gang (name and pods, or
nothing), kind (of the job, for the labels that its queue wants of pods), container (the main one: name, and what it has
beside), and in spec what the pod has beside.
*/}}
{{- define "platform.pod" -}}
{{- $placement := include "platform.placement" (dict "root" .root "class" .pod.jobClass) | fromYaml -}}
{{- $gang := include "platform.gang" . | fromYaml -}}
{{- $marker := include "platform.marker" . | fromYaml -}}
{{- $labels := merge (dict) (.pod.labels | default dict) ($placement.labels | default dict) $gang.labels ($marker.pods | default dict) (include "platform.labels" .root | fromYaml) -}}
{{- if .pod.jobClass }}{{ $_ := set $labels "job-class" .pod.jobClass }}{{ end -}}
{{- $annotations := merge (dict) (.pod.annotations | default dict) ($placement.annotations | default dict) $gang.annotations -}}
{{- $resources := include "platform.resources" . | fromYaml -}}
{{- $main := include "platform.container" (dict "root" .root "name" .container.name "resources" $resources "container" (omit .container "name")) | fromYaml -}}
{{- $volumes := concat (include "platform.volumes" .root | fromYamlArray) ((.spec | default dict).volumes | default list) -}}
{{- $spec := dict "serviceAccountName" (include "platform.serviceAccount" (dict "root" .root "kind" .jobKind)) "containers" (concat (list $main) (.sidecars | default list)) -}}
{{- with $placement.affinity }}{{ $_ := set $spec "affinity" . }}{{ end -}}
{{- with $placement.tolerations }}{{ $_ := set $spec "tolerations" . }}{{ end -}}
{{- with $placement.priorityClassName }}{{ $_ := set $spec "priorityClassName" . }}{{ end -}}
{{- with .root.Values.platform.schedulerName }}{{ $_ := set $spec "schedulerName" . }}{{ end -}}
{{- if $volumes }}{{ $_ := set $spec "volumes" $volumes }}{{ end -}}
metadata:
  labels:
    {{- toYaml $labels | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- merge $spec (omit (.spec | default dict) "volumes") | toYaml | nindent 2 }}
{{- end -}}

{{/*
The ConfigMap of a job's files. Give it the root.
*/}}
{{- define "platform.files" -}}
{{- if .Values.files }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-files
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "platform.labels" . | nindent 4 }}
data:
  {{- toYaml .Values.files | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
An entry that a user named, with the defaults of its kind, as YAML. Give it root, of (its definition in the schema) and
values.
*/}}
{{- define "platform.withDefaults" -}}
{{- $defaults := get (.root.Files.Get "defaults.json" | fromJson) .of -}}
{{- mergeOverwrite (deepCopy $defaults) .values | toYaml -}}
{{- end -}}

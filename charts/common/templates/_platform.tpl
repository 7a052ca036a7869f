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
Annotations that say where to look at a job, as YAML. Give it root, kind and name of the job.
*/}}
{{- define "platform.links" -}}
{{- $links := .root.Values.platform.links -}}
{{- $found := dict -}}
{{- range $what := list "metrics" "logs" -}}
{{- with get $links $what }}{{ $_ := set $found (printf "link/%s" $what) . }}{{ end -}}
{{- end -}}
{{- if and (eq .kind "SparkApplication") $links.sparkHistory }}{{ $_ := set $found "link/history" $links.sparkHistory }}{{ end -}}
{{- if and (hasPrefix "Ray" .kind) $links.rayHistory }}{{ $_ := set $found "link/history" $links.rayHistory }}{{ end -}}
{{- range $key, $address := $found }}
{{ $key }}: {{ $address | replace "{job}" $.name | quote }}
{{- end -}}
{{- end -}}

{{/*
Metadata of a job: name, labels and annotations with what its queue wants. Give it root, kind, elastic (whether it
grows and shrinks while it runs), and name if it is not the release's.
*/}}
{{- define "platform.jobMetadata" -}}
{{- $marker := include "platform.marker" . | fromYaml -}}
{{- $annotations := merge (dict) (ternary ($marker.elastic | default dict) dict (.elastic | default false)) ($marker.annotations | default dict) -}}
{{- $annotations = merge $annotations (include "platform.links" (dict "root" .root "kind" .kind "name" (.name | default .root.Release.Name)) | fromYaml) -}}
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
{{- range include "platform.datasets" . | fromYamlArray }}{{ $_ := set $known (printf "DATASET_%s" (.name | upper | replace "-" "_")) .path }}{{ end -}}
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
{{- $beside := .container.volumeMounts | default list -}}
{{- if .root.Values.files -}}
{{- $beside = prepend $beside (dict "name" "files" "mountPath" "/etc/job" "readOnly" true) -}}
{{- end -}}
{{- $places := dict -}}
{{- range concat $mounts $beside }}{{ $_ := set $places (trimSuffix "/" .mountPath) (regexReplaceAll "^claim-([0-9]+)$" .name "volumes[${1}]") }}{{ end -}}
{{- range $index, $dataset := include "platform.datasets" .root | fromYamlArray -}}
{{- $place := trimSuffix "/" $dataset.path -}}
{{- with get $places $place -}}
{{- fail (printf "datasets[%d].path = %q: %s is mounted there; each must have a path of its own" $index $dataset.path .) -}}
{{- end -}}
{{- $_ := set $places $place (printf "datasets[%d]" $index) -}}
{{- /* So that the pod sees the mount again when Fluid's client on the node starts anew. */ -}}
{{- $mount := dict "name" (printf "dataset-%d" $index) "mountPath" $dataset.path "readOnly" $dataset.readOnly "mountPropagation" "HostToContainer" -}}
{{- with $dataset.subPath }}{{ $_ := set $mount "subPath" . }}{{ end -}}
{{- $mounts = append $mounts $mount -}}
{{- end -}}
{{- $mounts = concat $mounts $beside -}}
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
Volumes of every pod: the job's claims, datasets and files, as YAML. Give it the root.
*/}}
{{- define "platform.volumes" -}}
{{- range $index, $values := .Values.volumes }}
{{- $volume := include "platform.withDefaults" (dict "root" $ "of" "VolumeValues" "values" $values) | fromYaml }}
- name: claim-{{ $index }}
  persistentVolumeClaim: {claimName: {{ $volume.claim }}, readOnly: {{ $volume.readOnly }}}
{{- end }}
{{- range $index, $dataset := include "platform.datasets" . | fromYamlArray }}
- name: dataset-{{ $index }}
  persistentVolumeClaim: {claimName: {{ $dataset.claim }}, readOnly: {{ $dataset.readOnly }}}
{{- end }}
{{- if .Values.files }}
- name: files
  configMap: {name: {{ .Release.Name }}-files}
{{- end }}
{{- end -}}

{{/*
The datasets of a job, as YAML: of each name, claim, path, subPath, readOnly, requires, prefers and minutes (how long
pods wait for it, 0 if they do not). Give it the root. Fails where the namespace does not have one, and where a pod could
not mount them together.
*/}}
{{- define "platform.datasets" -}}
{{- $platform := .Values.platform -}}
{{- $known := $platform.datasets -}}
{{- $datasets := list -}}
{{- $seen := dict -}}
{{- $caches := dict -}}
{{- range $index, $entry := .Values.datasets -}}
{{- $key := kindIs "string" $entry | ternary (printf "datasets[%d]" $index) (printf "datasets[%d].name" $index) -}}
{{- $values := $entry -}}
{{- if kindIs "string" $entry }}{{ $values = dict "name" $entry }}{{ end -}}
{{- $own := include "platform.withDefaults" (dict "root" $ "of" "DatasetValues" "values" $values) | fromYaml -}}
{{- $name := $own.name -}}
{{- if and (or $known $platform.namespace) (not (hasKey $known $name)) -}}
{{- fail (printf "%s = %q: not one of the namespace's datasets; %s" $key $name (empty $known | ternary "the namespace has none" (printf "allowed: %s" (keys $known | sortAlpha | join ", ")))) -}}
{{- end -}}
{{- with get $seen $name -}}
{{- fail (printf "%s = %q: %s is the same; name each dataset once" $key $name .) -}}
{{- end -}}
{{- $_ := set $seen $name (printf "datasets[%d]" $index) -}}
{{- $of := include "platform.withDefaults" (dict "root" $ "of" "PlatformDatasetValues" "values" (get $known $name | default dict)) | fromYaml -}}
{{- if $of.cache -}}
{{- with get $caches $of.cache -}}
{{- fail (printf "%s = %q: has the cache %q, as %q has; a pod can mount one dataset of a cache" $key $name $of.cache .) -}}
{{- end -}}
{{- $_ := set $caches $of.cache $name -}}
{{- end -}}
{{- $dataset := dict "name" $name "claim" ($of.claim | default $name) "path" ($own.path | default (printf "/datasets/%s" $name)) "subPath" $own.subPath "readOnly" $of.readOnly "requires" $of.requires "prefers" $of.prefers "minutes" 0 -}}
{{- if $own.waitUntilCached -}}
{{- if not $of.waits -}}
{{- fail (printf "datasets[%d].waitUntilCached = true: %q has no cache that holds all of it, or none that says so; leave it out" $index $name) -}}
{{- end -}}
{{- if not $platform.kubectlImage -}}
{{- fail (printf "datasets[%d].waitUntilCached = true: platform.kubectlImage is empty; it must be an image with kubectl as its entry point" $index) -}}
{{- end -}}
{{- $_ := set $dataset "minutes" (int $own.waitMinutes) -}}
{{- end -}}
{{- $datasets = append $datasets $dataset -}}
{{- end -}}
{{- $datasets | toYaml -}}
{{- end -}}

{{/*
Affinity of a pod, as YAML: that of its class, and what its datasets want of nodes. Terms of a class are ways to meet it,
so what datasets require is in each. Give it root and placement.
*/}}
{{- define "platform.affinity" -}}
{{- $affinity := deepCopy (.placement.affinity | default dict) -}}
{{- $requires := list -}}
{{- $prefers := list -}}
{{- range include "platform.datasets" .root | fromYamlArray -}}
{{- $requires = concat $requires .requires -}}
{{- $prefers = concat $prefers .prefers -}}
{{- end -}}
{{- if or $requires $prefers -}}
{{- $node := $affinity.nodeAffinity | default dict -}}
{{- if $requires -}}
{{- $required := $node.requiredDuringSchedulingIgnoredDuringExecution | default dict -}}
{{- $terms := list -}}
{{- range $required.nodeSelectorTerms | default (list dict) -}}
{{- $expressions := .matchExpressions | default list -}}
{{- range $requires -}}
{{- if not (has . $expressions) }}{{ $expressions = append $expressions . }}{{ end -}}
{{- end -}}
{{- $terms = append $terms (set . "matchExpressions" $expressions) -}}
{{- end -}}
{{- $_ := set $node "requiredDuringSchedulingIgnoredDuringExecution" (set $required "nodeSelectorTerms" $terms) -}}
{{- end -}}
{{- if $prefers -}}
{{- $_ := set $node "preferredDuringSchedulingIgnoredDuringExecution" (concat ($node.preferredDuringSchedulingIgnoredDuringExecution | default list) $prefers) -}}
{{- end -}}
{{- $_ := set $affinity "nodeAffinity" $node -}}
{{- end -}}
{{- $affinity | toYaml -}}
{{- end -}}

{{/*
Init containers that wait until datasets are in the cache, as YAML. Give it root and token: whether they bring a token for
the Kubernetes API, in the volume api-token, since the pod's containers get none.
*/}}
{{- define "platform.waits" -}}
{{- range include "platform.datasets" .root | fromYamlArray }}
{{- if .minutes }}
- name: wait-for-{{ .name }}
  image: {{ $.root.Values.platform.kubectlImage | quote }}
  args:
    - wait
    - dataset.data.fluid.io/{{ .name }}
    - --for=jsonpath={.status.cacheStates.cachedPercentage}=100.0%
    - --timeout={{ int .minutes }}m
  resources:
    requests: {cpu: 50m, memory: 64Mi}
    limits: {cpu: 500m, memory: 128Mi}
  securityContext:
    {{- include "platform.containerSecurity" $ | nindent 4 }}
    readOnlyRootFilesystem: true
    runAsNonRoot: true
    runAsUser: 65532
  {{- if $.token }}
  volumeMounts:
    - {name: api-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
The volume with a token for the Kubernetes API, as Kubernetes itself makes it.
*/}}
{{- define "platform.token" -}}
name: api-token
projected:
  sources:
    - serviceAccountToken: {path: token}
    - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
    - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
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
{{- with include "platform.affinity" (dict "root" .root "placement" $placement) | fromYaml }}{{ $_ := set $spec "affinity" . }}{{ end -}}
{{- with $placement.tolerations }}{{ $_ := set $spec "tolerations" . }}{{ end -}}
{{- with $placement.priorityClassName }}{{ $_ := set $spec "priorityClassName" . }}{{ end -}}
{{- with .root.Values.platform.schedulerName }}{{ $_ := set $spec "schedulerName" . }}{{ end -}}
{{- $token := eq (toString (.spec | default dict).automountServiceAccountToken) "false" -}}
{{- $waits := include "platform.waits" (dict "root" .root "token" $token) | fromYamlArray -}}
{{- if and $waits $token }}{{ $volumes = append $volumes (include "platform.token" . | fromYaml) }}{{ end -}}
{{- with concat $waits ((.spec | default dict).initContainers | default list) }}{{ $_ := set $spec "initContainers" . }}{{ end -}}
{{- if $volumes }}{{ $_ := set $spec "volumes" $volumes }}{{ end -}}
metadata:
  labels:
    {{- toYaml $labels | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- merge $spec (omit (.spec | default dict) "volumes" "initContainers") | toYaml | nindent 2 }}
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

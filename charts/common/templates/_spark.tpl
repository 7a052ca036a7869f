{{/*
MiB of a Kubernetes quantity.
*/}}
{{- define "platform.mebibytes" -}}
{{- if not (kindIs "string" .) -}}
{{- div (int64 .) 1048576 -}}
{{- else -}}
{{- $factors := dict "" 9.5367431640625e-07 "k" 0.00095367431640625 "M" 0.95367431640625 "G" 953.67431640625 "T" 953674.31640625 "Ki" 0.0009765625 "Mi" 1.0 "Gi" 1024.0 "Ti" 1048576.0 -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" . -}}
{{- $unit := trimPrefix $number . -}}
{{- if or (not $number) (not (hasKey $factors $unit)) -}}
{{- fail (printf "resources: memory %q is not a quantity such as 16Gi" .) -}}
{{- end -}}
{{- mulf (float64 $number) (get $factors $unit) | floor | int64 -}}
{{- end -}}
{{- end -}}

{{/*
What the driver or the executors ask for, in Spark's own words, as YAML: together what their resources say. Give it root,
name (driver or executor) and pod (the values).
*/}}
{{- define "platform.sparkSize" -}}
{{- $resources := include "platform.resources" . | fromYaml -}}
{{- $asked := merge (dict) ($resources.requests | default dict) ($resources.limits | default dict) -}}
{{- $devices := omit $asked "cpu" "memory" -}}
{{- if or (not (hasKey $asked "cpu")) (not (hasKey $asked "memory")) (gt (len $devices) 1) -}}
{{- fail (printf "%s.resources: Spark asks for cpu, memory and at most one kind of device, not for: %s" .name (keys $asked | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $cpu := toString $asked.cpu -}}
{{- $cores := ternary (div (int (trimSuffix "m" $cpu)) 1000) (floor (float64 $cpu) | int) (hasSuffix "m" $cpu) -}}
{{- $total := include "platform.mebibytes" $asked.memory | int -}}
{{- $heap := 0 -}}
{{- if .pod.memory -}}
{{- $heap = mul (regexFind "[0-9]+" .pod.memory | int) (ternary 1024 1 (hasSuffix "g" .pod.memory)) | int -}}
{{- else -}}
{{- $heap = min (floor (divf $total (ternary 1.4 1.1 (eq .root.Values.type "Python"))) | int) (sub $total 384) | int -}}
{{- end -}}
{{- if or (lt $heap 512) (lt (sub $total $heap | int) 384) -}}
{{- fail (printf "%s: a heap of %d MiB in a pod of %d MiB: it must have at least 512 MiB, and leave 384 MiB beside it" .name $heap $total) -}}
{{- end -}}
cores: {{ .pod.cores | default (max 1 $cores) | int }}
coreRequest: {{ $cpu | quote }}
{{- with ($resources.limits | default dict).cpu }}
coreLimit: {{ toString . | quote }}
{{- end }}
memory: {{ $heap }}m
memoryOverhead: {{ sub $total $heap }}m
{{- range $name, $quantity := $devices }}
gpu: {name: {{ $name }}, quantity: {{ int $quantity }}}
{{- end }}
{{- end -}}

{{/*
The driver or the executors: a pod template in the fields that Spark has for it. Give it root, name, pod (the values),
gang, and in volumeMounts what they mount beside.
*/}}
{{- define "platform.sparkPod" -}}
{{- $template := include "platform.pod" (dict "root" .root "kind" "SparkApplication" "jobKind" "spark" "gang" .gang "pod" .pod "container" (dict "name" "spark" "volumeMounts" .volumeMounts)) | fromYaml -}}
{{- $container := first $template.spec.containers -}}
{{- $pod := merge (include "platform.sparkSize" . | fromYaml) (pick $container "env" "envFrom" "volumeMounts" "securityContext") (pick $template.spec "affinity" "tolerations" "priorityClassName" "schedulerName") (pick $template.metadata "labels" "annotations") -}}
{{- $_ := set $pod "serviceAccount" $template.spec.serviceAccountName -}}
{{- with .pod.javaOptions }}{{ $_ := set $pod "javaOptions" . }}{{ end -}}
{{- /* The driver makes the executors, so it waits for them. */ -}}
{{- if and (eq .name "driver") $template.spec.initContainers }}{{ $_ := set $pod "initContainers" $template.spec.initContainers }}{{ end -}}
{{- $pod | toYaml -}}
{{- end -}}

{{/*
The claim to which the driver writes its event log: the job's own, else the platform's. Give it the root.
*/}}
{{- define "platform.sparkEventClaim" -}}
{{- .Values.eventLogs.claim | default .Values.platform.history.sparkClaim -}}
{{- end -}}

{{/*
The directory of the event log, nothing where there is none. Give it the root.
*/}}
{{- define "platform.sparkEventLogs" -}}
{{- if include "platform.sparkEventClaim" . -}}
file://{{ .Values.eventLogs.path }}
{{- else if .Values.platform.history.sparkDirectory -}}
{{- .Values.platform.history.sparkDirectory -}}
{{- else if hasKey .Values.hadoopConf "fs.oss.credentials.provider" -}}
{{- .Values.platform.objectStorage.eventLogs -}}
{{- end -}}
{{- end -}}

{{/*
The spec of a Spark application. Give it the root.
*/}}
{{- define "platform.sparkApplication" -}}
{{- $values := .Values -}}
{{- $dynamic := $values.dynamicAllocation -}}
{{- $bounds := printf "dynamicAllocation.minimum = %d, initial = %d, maximum = %d" (int $dynamic.minimum) (int $dynamic.initial) (int $dynamic.maximum) -}}
{{- if and $dynamic.enabled (or (gt (int $dynamic.minimum) (int $dynamic.initial)) (gt (int $dynamic.initial) (int $dynamic.maximum))) -}}
{{- fail (printf "%s: none may be above the next" $bounds) -}}
{{- end -}}
{{- if and $dynamic.enabled $values.gang.enabled -}}
{{- fail "gang.enabled = true: only executors whose number is fixed start together; set dynamicAllocation.enabled: false" -}}
{{- end -}}
{{- if and (ne $values.type "Python") (not $values.mainClass) -}}
{{- fail (printf "mainClass: missing; an application in %s must have one" $values.type) -}}
{{- end -}}
{{- $gang := include "platform.gangOf" (dict "root" . "gang" $values.gang "pods" $values.executor.instances) | fromYaml -}}
{{- $volumes := include "platform.volumes" . | fromYamlArray -}}
{{- $mounts := list -}}
{{- with include "platform.sparkEventClaim" . -}}
{{- $volumes = append $volumes (dict "name" "event-logs" "persistentVolumeClaim" (dict "claimName" .)) -}}
{{- $mount := dict "name" "event-logs" "mountPath" $values.eventLogs.path -}}
{{- if and $values.eventLogs.claim $values.eventLogs.subPath }}{{ $_ := set $mount "subPath" $values.eventLogs.subPath }}{{ end -}}
{{- $mounts = list $mount -}}
{{- end -}}
{{- $conf := dict -}}
{{- with include "platform.sparkEventLogs" . -}}
{{- $conf = dict "spark.eventLog.enabled" "true" "spark.eventLog.dir" . -}}
{{- end -}}
{{- $conf = merge (dict) $values.sparkConf $conf -}}
{{- $deps := dict -}}
{{- range $key, $list := $values.deps }}{{ if $list }}{{ $_ := set $deps $key $list }}{{ end }}{{ end -}}
{{- $driver := include "platform.sparkPod" (dict "root" . "name" "driver" "pod" $values.driver "volumeMounts" $mounts) | fromYaml -}}
{{- $executor := include "platform.sparkPod" (dict "root" . "name" "executor" "pod" $values.executor "gang" $gang) | fromYaml -}}
{{- $_ := set $executor "instances" (int (ternary $dynamic.initial $values.executor.instances $dynamic.enabled)) -}}
{{- with include "platform.suspend" (dict "root" . "kind" "SparkApplication") }}
{{ . }}
{{- end }}
type: {{ $values.type }}
mode: cluster
sparkVersion: {{ $values.sparkVersion | quote }}
image: {{ $values.image | quote }}
imagePullPolicy: {{ $values.imagePullPolicy }}
mainApplicationFile: {{ $values.mainApplicationFile | quote }}
{{- with $values.mainClass }}
mainClass: {{ . | quote }}
{{- end }}
{{- with $values.arguments }}
arguments:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $deps }}
deps:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $conf }}
sparkConf:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.hadoopConf }}
hadoopConf:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $volumes }}
volumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
driver:
  {{- toYaml $driver | nindent 2 }}
executor:
  {{- toYaml $executor | nindent 2 }}
{{- if $dynamic.enabled }}
dynamicAllocation:
  enabled: true
  minExecutors: {{ int $dynamic.minimum }}
  initialExecutors: {{ int $dynamic.initial }}
  maxExecutors: {{ int $dynamic.maximum }}
  shuffleTrackingEnabled: true
{{- end }}
{{- with $driver.priorityClassName }}
batchSchedulerOptions:
  priorityClassName: {{ . }}
{{- end }}
restartPolicy:
  type: {{ $values.restart.policy }}
  {{- if ne $values.restart.policy "Never" }}
  onFailureRetries: {{ int $values.restart.retries }}
  onFailureRetryInterval: {{ int $values.restart.intervalSeconds }}
  onSubmissionFailureRetries: {{ int $values.restart.submissionRetries }}
  onSubmissionFailureRetryInterval: {{ int $values.restart.submissionIntervalSeconds }}
  {{- end }}
timeToLiveSeconds: {{ int $values.timeToLiveSeconds }}
{{- end -}}

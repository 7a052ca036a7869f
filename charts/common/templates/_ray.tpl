{{/*
The gang of a Ray cluster, as YAML: the head and the workers that it starts with. Give it the root.
*/}}
{{- define "platform.rayGang" -}}
{{- $pods := 1 -}}
{{- range $name, $values := .Values.workers -}}
{{- $workers := include "platform.withDefaults" (dict "root" $ "of" "RayWorkerValues" "values" $values) | fromYaml -}}
{{- if and $.Values.autoscaling (gt (int $workers.minimum) (int $workers.maximum)) -}}
{{- fail (printf "workers.%s.minimum = %d: above the maximum of %d" $name (int $workers.minimum) (int $workers.maximum)) -}}
{{- end -}}
{{- $pods = add $pods (int $workers.replicas) -}}
{{- end -}}
{{- include "platform.gangOf" (dict "root" . "gang" .Values.gang "pods" $pods) -}}
{{- end -}}

{{/*
The spec of a Ray cluster. Give it root and kind (of the job).
*/}}
{{- define "platform.rayCluster" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $gang := include "platform.rayGang" .root | fromYaml -}}
{{- $common := dict "root" .root "kind" .kind "jobKind" "ray" "gang" $gang -}}
rayVersion: {{ $values.rayVersion | quote }}
enableInTreeAutoscaling: {{ $values.autoscaling }}
{{- if $values.autoscaling }}
autoscalerOptions:
  idleTimeoutSeconds: {{ $values.idleSeconds }}
  resources:
    requests: {cpu: 200m, memory: 512Mi}
    limits: {cpu: 500m, memory: 512Mi}
{{- end }}
headGroupSpec:
  rayStartParams:
    {{- merge (dict) $values.head.startParams (dict "dashboard-host" "0.0.0.0") | toYaml | nindent 4 }}
  template:
    {{- include "platform.pod" (merge (dict "pod" $values.head "container" (dict "name" "ray-head" "ports" (list (dict "name" "gcs" "containerPort" 6379) (dict "name" "dashboard" "containerPort" 8265) (dict "name" "client" "containerPort" 10001) (dict "name" "metrics" "containerPort" 8080)))) $common) | nindent 4 }}
workerGroupSpecs:
  {{- range $name, $entry := $values.workers }}
  {{- $workers := include "platform.withDefaults" (dict "root" $root "of" "RayWorkerValues" "values" $entry) | fromYaml }}
  - groupName: {{ $name }}
    replicas: {{ int $workers.replicas }}
    minReplicas: {{ ternary (int $workers.minimum) (int $workers.replicas) $values.autoscaling }}
    maxReplicas: {{ ternary (int $workers.maximum) (int $workers.replicas) $values.autoscaling }}
    {{- if $workers.startParams }}
    rayStartParams:
      {{- toYaml $workers.startParams | nindent 6 }}
    {{- else }}
    rayStartParams: {}
    {{- end }}
    template:
      {{- include "platform.pod" (merge (dict "pod" $workers "container" (dict "name" "ray-worker" "ports" (list (dict "name" "metrics" "containerPort" 8080)))) $common) | nindent 6 }}
  {{- end }}
{{- end -}}

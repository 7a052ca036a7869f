{{/*
How many pods an inference service has, as YAML: minimum and maximum of the stable version, canary, and scales (whether
their number changes). Give it the root. Fails where the numbers do not fit each other.
*/}}
{{- define "inference.replicas" -}}
{{- $replicas := .Values.replicas -}}
{{- $minimum := int $replicas.minimum -}}
{{- if and (eq $minimum 0) (not .Values.scaling.prometheus) -}}
{{- fail "replicas.minimum = 0: without a pod there is no use of CPU to scale by; set scaling.prometheus, whose query says when there is work" -}}
{{- end -}}
{{- if and (eq $minimum 0) (not $replicas.maximum) -}}
{{- fail "replicas.maximum: missing; with replicas.minimum = 0, say how many pods there may be" -}}
{{- end -}}
{{- $maximum := int ($replicas.maximum | default $minimum) -}}
{{- if lt $maximum $minimum -}}
{{- fail (printf "replicas.maximum = %d: below the minimum of %d" $maximum $minimum) -}}
{{- end -}}
{{- $canary := 0 -}}
{{- with .Values.canary -}}
{{- if eq $.Values.engine "KServe" -}}
{{- fail "canary: not with engine KServe, whose canary wants a model that KServe fetches itself; use engine Deployment" -}}
{{- end -}}
{{- $canary = div (mul $minimum (int .percent)) 100 -}}
{{- if eq (int $canary) 0 -}}
{{- fail (printf "canary.percent = %d: less than one of %d pods; requests are split as pods are, so replicas.minimum must be %d or more" (int .percent) $minimum (int (div (add 99 (int .percent)) (int .percent)))) -}}
{{- end -}}
{{- end -}}
minimum: {{ sub $minimum $canary }}
maximum: {{ sub $maximum $canary }}
canary: {{ $canary }}
scales: {{ or (gt $maximum $minimum) (not (empty .Values.scaling.prometheus)) }}
{{- end -}}

{{/*
The pod template of an inference service. Give it root, kind (of the job), selector (labels that it must have) and
container (its name).
*/}}
{{- define "inference.pod" -}}
{{- $values := .root.Values -}}
{{- $pods := include "web.podValues" (dict "root" .root "pod" $values.pods "selector" .selector) | fromYaml -}}
{{- $memory := include "web.sharedMemory" $values.pods.sharedMemory | fromYaml -}}
{{- $volumes := $memory.volumes -}}
{{- $mounts := $memory.mounts -}}
{{- $env := list -}}
{{- with $values.model -}}
{{- $model := include "platform.withDefaults" (dict "root" $.root "of" "ModelValues" "values" .) | fromYaml -}}
{{- $volumes = append $volumes (dict "name" "model" "persistentVolumeClaim" (dict "claimName" $model.claim "readOnly" true)) -}}
{{- $mount := dict "name" "model" "mountPath" $model.path "readOnly" true -}}
{{- with $model.subPath }}{{ $_ := set $mount "subPath" . }}{{ end -}}
{{- $mounts = append $mounts $mount -}}
{{- $env = list (dict "name" "MODEL_PATH" "value" $model.path) -}}
{{- end -}}
{{- $health := $values.health -}}
{{- $timeout := int $health.timeoutSeconds -}}
{{- $container := dict "name" .container "env" $env "volumeMounts" $mounts -}}
{{- with $values.command }}{{ $_ := set $container "command" . }}{{ end -}}
{{- with $values.args }}{{ $_ := set $container "args" . }}{{ end -}}
{{- $_ := set $container "ports" (list (dict "name" "http" "containerPort" (int $values.port) "protocol" "TCP")) -}}
{{- $_ := set $container "startupProbe" (include "web.probe" (dict "path" $health.path "timing" (dict "periodSeconds" 10 "timeoutSeconds" $timeout "failureThreshold" (int (div (add (int $health.startupSeconds) 9) 10)))) | fromYaml) -}}
{{- $_ := set $container "readinessProbe" (include "web.probe" (dict "path" $health.path "timing" (dict "periodSeconds" 10 "timeoutSeconds" $timeout "failureThreshold" 3)) | fromYaml) -}}
{{- $_ := set $container "livenessProbe" (include "web.probe" (dict "path" $health.path "timing" (dict "periodSeconds" 10 "timeoutSeconds" $timeout "failureThreshold" (int (div (add (int $health.unhealthySeconds) 9) 10)))) | fromYaml) -}}
{{- $rollout := $values.rollout -}}
{{- if ge (int $rollout.drainSeconds) (int $rollout.terminationSeconds) -}}
{{- fail (printf "rollout.terminationSeconds = %d: pods would be killed while they drain for %d seconds" (int $rollout.terminationSeconds) (int $rollout.drainSeconds)) -}}
{{- end -}}
{{- if $rollout.drainSeconds -}}
{{- $_ := set $container "lifecycle" (dict "preStop" (dict "sleep" (dict "seconds" (int $rollout.drainSeconds)))) -}}
{{- end -}}
{{- $spec := dict "volumes" $volumes "terminationGracePeriodSeconds" (int $rollout.terminationSeconds) "automountServiceAccountToken" false "enableServiceLinks" false -}}
{{- with $values.pods.runAsUser -}}
{{- $_ := set $spec "securityContext" (dict "runAsNonRoot" true "runAsUser" (int .)) -}}
{{- end -}}
{{- if $values.spreadZones -}}
{{- $_ := set $spec "topologySpreadConstraints" (list (dict "topologyKey" "topology.kubernetes.io/zone" "maxSkew" 1 "whenUnsatisfiable" "ScheduleAnyway" "labelSelector" (dict "matchLabels" .selector) "matchLabelKeys" (list "pod-template-hash"))) -}}
{{- end -}}
{{- include "platform.pod" (dict "root" .root "kind" .kind "jobKind" "inference" "pod" $pods "container" $container "spec" $spec) -}}
{{- end -}}

{{/*
One Deployment of an inference service. Give it root, track (stable or canary) and replicas, or none where something
else decides how many there are.
*/}}
{{- define "inference.deployment" -}}
{{- $selector := merge (dict "track" .track) (include "web.selector" .root | fromYaml) -}}
{{- $values := .root.Values -}}
{{- $waiting := 0 -}}
{{- range include "platform.datasets" .root | fromYamlArray }}{{ $waiting = add $waiting (mul 60 (int .minutes)) }}{{ end -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "platform.jobMetadata" (dict "root" .root "kind" "Deployment" "name" (eq .track "canary" | ternary (printf "%s-canary" .root.Release.Name) .root.Release.Name)) | nindent 2 }}
spec:
  {{- with .replicas }}
  replicas: {{ . }}
  {{- end }}
  selector:
    matchLabels:
      {{- toYaml $selector | nindent 6 }}
  strategy:
    rollingUpdate: {maxUnavailable: 0, maxSurge: {{ int $values.rollout.maxSurge }}}
  # A pod that loads its model, or waits for a dataset, is no failed rollout.
  progressDeadlineSeconds: {{ add (int $values.health.startupSeconds) $waiting 600 }}
  template:
    {{- include "inference.pod" (dict "root" .root "kind" "Deployment" "selector" $selector "container" "server") | nindent 4 }}
{{- end -}}

{{/*
The autoscaler of a Deployment: a HorizontalPodAutoscaler, or with a query a ScaledObject of KEDA, which makes one. Give
it root, deployment (its name) and replicas (of inference.replicas).
*/}}
{{- define "inference.autoscaler" -}}
{{- $scaling := .root.Values.scaling -}}
{{- $behavior := dict "scaleDown" (dict "stabilizationWindowSeconds" (int $scaling.stabilizationSeconds)) -}}
{{- with $scaling.prometheus -}}
{{- $prometheus := include "platform.withDefaults" (dict "root" $.root "of" "PrometheusValues" "values" .) | fromYaml -}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  {{- include "web.metadata" (dict "root" $.root) | nindent 2 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $.deployment }}}
  minReplicaCount: {{ int $.replicas.minimum }}
  maxReplicaCount: {{ int $.replicas.maximum }}
  pollingInterval: {{ int $prometheus.pollingSeconds }}
  cooldownPeriod: {{ int $prometheus.cooldownSeconds }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        {{- toYaml $behavior | nindent 8 }}
  triggers:
    - type: prometheus
      metadata:
        serverAddress: {{ $prometheus.serverAddress | quote }}
        query: {{ toJson $prometheus.query }}
        threshold: {{ $prometheus.threshold | toString | quote }}
        activationThreshold: {{ $prometheus.activationThreshold | toString | quote }}
      {{- with $prometheus.authentication }}
      authenticationRef: {name: {{ . }}}
      {{- end }}
{{- else -}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "web.metadata" (dict "root" .root) | nindent 2 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .deployment }}}
  minReplicas: {{ int .replicas.minimum }}
  maxReplicas: {{ int .replicas.maximum }}
  metrics:
    - type: Resource
      resource: {name: {{ $scaling.metric }}, target: {type: Utilization, averageUtilization: {{ int $scaling.percent }}}}
  behavior:
    {{- toYaml $behavior | nindent 4 }}
{{- end -}}
{{- end -}}

{{/*
The InferenceService of KServe, in its mode Standard: it makes a Deployment and a Service called <release>-predictor,
and an autoscaler unless KEDA's is ours. Give it root and replicas (of inference.replicas).
*/}}
{{- define "inference.kserve" -}}
{{- $root := .root -}}
{{- $scaling := .root.Values.scaling -}}
{{- $selector := include "web.selector" .root | fromYaml -}}
{{- $pod := include "inference.pod" (dict "root" .root "kind" "InferenceService" "selector" $selector "container" "kserve-container") | fromYaml -}}
{{- $autoscaler := "none" -}}
{{- $predictor := merge (dict "minReplicas" (int .replicas.minimum) "maxReplicas" (int .replicas.maximum)) (dict "labels" $pod.metadata.labels "deploymentStrategy" (dict "type" "RollingUpdate" "rollingUpdate" (dict "maxUnavailable" 0 "maxSurge" (int .root.Values.rollout.maxSurge)))) $pod.spec -}}
{{- with $pod.metadata.annotations }}{{ $_ := set $predictor "annotations" . }}{{ end -}}
{{- if $scaling.prometheus -}}
{{- $autoscaler = "external" -}}
{{- else if .replicas.scales -}}
{{- $autoscaler = "hpa" -}}
{{- $_ := set $predictor "scaleMetric" $scaling.metric -}}
{{- $_ := set $predictor "scaleTarget" (int $scaling.percent) -}}
{{- end -}}
{{- $metadata := include "platform.jobMetadata" (dict "root" .root "kind" "InferenceService") | fromYaml -}}
{{- $_ := set $metadata "annotations" (merge (dict "serving.kserve.io/deploymentMode" "Standard" "serving.kserve.io/autoscalerClass" $autoscaler) ($metadata.annotations | default dict)) -}}
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  {{- toYaml $metadata | nindent 2 }}
spec:
  predictor:
    {{- toYaml $predictor | nindent 4 }}
{{- end -}}

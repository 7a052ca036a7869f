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
What keeps events and logs of a pod for the history server, as YAML: env and volumeMounts of the pod's own container,
sidecars and spec. Nothing where the platform has no such server. Give it root, kind (of the job) and role (Head or
Worker). Source: ray-project/kuberay v1.7.0, historyserver/config/rayjob-aliyunoss.yaml; resources as its operator's.
*/}}
{{- define "platform.rayCollector" -}}
{{- $collector := .root.Values.platform.history.ray -}}
{{- if and .root.Values.history $collector.image -}}
{{- if semverCompare "<2.55.0-0" .root.Values.rayVersion -}}
{{- fail (printf "rayVersion = %q: history is kept from Ray 2.55 on; set history: false, or take a later one" .root.Values.rayVersion) -}}
{{- end -}}
env:
  - {name: RAY_TMP_ROOT, value: /tmp/ray}
  - {name: RAY_enable_ray_event, value: "true"}
  - {name: RAY_enable_core_worker_ray_event_to_aggregator, value: "true"}
  - {name: RAY_DASHBOARD_AGGREGATOR_AGENT_EVENTS_EXPORT_ADDR, value: "http://localhost:8084/v1/events"}
  - {name: RAY_DASHBOARD_AGGREGATOR_AGENT_EXPOSABLE_EVENT_TYPES, value: ALL}
volumeMounts:
  - {name: ray-history, mountPath: /tmp/ray}
spec:
  # Its last upload comes when the pod ends.
  terminationGracePeriodSeconds: 120
  volumes:
    - {name: ray-history, emptyDir: {}}
sidecars:
  - name: collector
    image: {{ $collector.image | quote }}
    imagePullPolicy: IfNotPresent
    env:
      - {name: RAY_CLUSTER_NAME, valueFrom: {fieldRef: {fieldPath: "metadata.labels['ray.io/cluster']"}}}
      - {name: RAY_CLUSTER_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
      - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
      - {name: FQ_RAY_IP, value: $(RAY_CLUSTER_NAME)-head-svc.$(RAY_CLUSTER_NAMESPACE).svc.cluster.local}
      - {name: RAY_TMP_ROOT, value: /tmp/ray}
      - {name: RAY_ROLE, value: {{ .role }}}
      {{- if ne .kind "RayCluster" }}
      - {name: OWNER_KIND, value: {{ lower .kind }}}
      - {name: OWNER_NAME, value: {{ .root.Release.Name | quote }}}
      {{- end }}
      {{- range $name, $value := $collector.env }}
      - {name: {{ $name }}, value: {{ $value | quote }}}
      {{- end }}
    {{- with $collector.secret }}
    envFrom:
      - secretRef: {name: {{ . | quote }}}
    {{- end }}
    resources:
      requests: {cpu: 50m, memory: 64Mi}
      limits: {cpu: 200m, memory: 256Mi}
    securityContext:
      {{- include "platform.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - {name: ray-history, mountPath: /tmp/ray}
{{- end -}}
{{- end -}}

{{/*
The spec of a Ray cluster. Give it root and kind (of the job).
*/}}
{{- define "platform.rayCluster" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $gang := include "platform.rayGang" .root | fromYaml -}}
{{- $common := dict "root" .root "kind" .kind "jobKind" "ray" "gang" $gang -}}
{{- $head := include "platform.rayCollector" (dict "root" .root "kind" .kind "role" "Head") | fromYaml -}}
{{- $worker := include "platform.rayCollector" (dict "root" .root "kind" .kind "role" "Worker") | fromYaml -}}
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
    {{- include "platform.pod" (merge (dict "pod" $values.head "container" (merge (dict "name" "ray-head" "ports" (list (dict "name" "gcs" "containerPort" 6379) (dict "name" "dashboard" "containerPort" 8265) (dict "name" "client" "containerPort" 10001) (dict "name" "metrics" "containerPort" 8080))) (pick $head "env" "volumeMounts"))) (pick $head "sidecars" "spec") $common) | nindent 4 }}
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
      {{- include "platform.pod" (merge (dict "pod" $workers "container" (merge (dict "name" "ray-worker" "ports" (list (dict "name" "metrics" "containerPort" 8080))) (pick $worker "env" "volumeMounts"))) (pick $worker "sidecars" "spec") $common) | nindent 6 }}
  {{- end }}
{{- end -}}

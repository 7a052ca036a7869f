{{/*
How the training operator writes the jobs of each framework, as YAML: the key that holds the pods, the name of their
container, and by value the replicas that not all frameworks have.
*/}}
{{- define "platform.frameworks" -}}
pytorch: {kind: PyTorchJob, specs: pytorchReplicaSpecs, container: pytorch, roles: {master: Master}}
tensorflow: {kind: TFJob, specs: tfReplicaSpecs, container: tensorflow, roles: {chief: Chief, parameterServers: PS}}
mpi: {kind: MPIJob, specs: mpiReplicaSpecs, container: mpi, roles: {launcher: Launcher}}
xgboost: {kind: XGBoostJob, specs: xgbReplicaSpecs, container: xgboost, roles: {master: Master}}
{{- end -}}

{{/*
The kind of the job. Give it the root.
*/}}
{{- define "platform.trainingKind" -}}
{{- if eq .Values.operator "trainer" -}}
TrainJob
{{- else -}}
{{- get (get (include "platform.frameworks" . | fromYaml) .Values.framework) "kind" -}}
{{- end -}}
{{- end -}}

{{/*
Refuses what framework or operator do not have. Give it the root.
*/}}
{{- define "platform.checkTraining" -}}
{{- $values := .Values -}}
{{- $trainer := eq $values.operator "trainer" -}}
{{- if and $trainer (ne $values.framework "pytorch") -}}
{{- fail (printf "operator = trainer: the framework must be pytorch, not %s" $values.framework) -}}
{{- end -}}
{{- $roles := ternary dict (get (include "platform.frameworks" . | fromYaml) $values.framework).roles $trainer -}}
{{- range $role := list "master" "launcher" "chief" "parameterServers" -}}
{{- if and (kindIs "map" (get $values $role)) (not (hasKey $roles $role)) -}}
{{- fail (printf "%s: a %s has none" $role (include "platform.trainingKind" $)) -}}
{{- end -}}
{{- end -}}
{{- if and (kindIs "string" $values.processesPerNode | not) (has $values.framework (list "tensorflow" "xgboost")) -}}
{{- fail (printf "processesPerNode: of pytorch and mpi alone, not of %s" $values.framework) -}}
{{- end -}}
{{- if and (eq $values.framework "mpi") (has $values.processesPerNode (list "cpu" "gpu")) -}}
{{- fail (printf "processesPerNode = %s: with mpi it must be a number or auto" $values.processesPerNode) -}}
{{- end -}}
{{- if $values.elastic -}}
{{- if or $trainer (ne $values.framework "pytorch") -}}
{{- fail "elastic: of framework pytorch with operator training-operator alone" -}}
{{- end -}}
{{- if kindIs "map" $values.master -}}
{{- fail "elastic: there is no master then; leave master out" -}}
{{- end -}}
{{- if or (gt (int $values.elastic.minimum) (int $values.workers.replicas)) (gt (int $values.workers.replicas) (int $values.elastic.maximum)) -}}
{{- fail (printf "workers.replicas = %d: must be from elastic.minimum = %d to elastic.maximum = %d" (int $values.workers.replicas) (int $values.elastic.minimum) (int $values.elastic.maximum)) -}}
{{- end -}}
{{- end -}}
{{- if and (lt (int $values.workers.replicas) 1) (or $trainer $values.elastic (has $values.framework (list "mpi" "tensorflow"))) -}}
{{- fail (printf "workers.replicas = 0: a %s must have at least one here" (include "platform.trainingKind" .)) -}}
{{- end -}}
{{- if $trainer -}}
{{- if $values.secrets -}}
{{- fail "secrets: a TrainJob takes no whole secrets; mount them by a runtime of your own, or use operator: training-operator" -}}
{{- end -}}
{{- range $index, $dataset := include "platform.datasets" . | fromYamlArray -}}
{{- if $dataset.minutes -}}
{{- fail (printf "datasets[%d].waitUntilCached = true: a TrainJob cannot add init containers; use operator: training-operator" $index) -}}
{{- end -}}
{{- end -}}
{{- with $values.platform.schedulerName -}}
{{- fail (printf "operator = trainer: a TrainJob cannot name the scheduler %s of this platform; use operator: training-operator" .) -}}
{{- end -}}
{{- end -}}
{{- with $values.checkpointDirectory -}}
{{- $directory := . -}}
{{- $found := false -}}
{{- range $entry := $values.volumes -}}
{{- $volume := include "platform.withDefaults" (dict "root" $ "of" "VolumeValues" "values" $entry) | fromYaml -}}
{{- if and (not $volume.readOnly) (hasPrefix (printf "%s/" (trimSuffix "/" $volume.path)) (printf "%s/" $directory)) }}{{ $found = true }}{{ end -}}
{{- end -}}
{{- range include "platform.datasets" $ | fromYamlArray -}}
{{- if and (not .readOnly) (hasPrefix (printf "%s/" (trimSuffix "/" .path)) (printf "%s/" $directory)) }}{{ $found = true }}{{ end -}}
{{- end -}}
{{- if not $found -}}
{{- fail (printf "checkpointDirectory = %s: no volume with readOnly: false is mounted there, nor a dataset that may be written" $directory) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The replicas of a job of the training operator, as YAML: by name, the number and the values of their pods. Give it the
root.
*/}}
{{- define "platform.trainingReplicas" -}}
{{- $values := .Values -}}
{{- $all := dict -}}
{{- if gt (int $values.workers.replicas) 0 }}{{ $_ := set $all "Worker" $values.workers }}{{ end -}}
{{- range $role, $name := (get (include "platform.frameworks" . | fromYaml) $values.framework).roles -}}
{{- $of := ternary "ParameterServerValues" "TrainingPodValues" (eq $role "parameterServers") -}}
{{- if kindIs "map" (get $values $role) -}}
{{- $_ := set $all $name (include "platform.withDefaults" (dict "root" $ "of" $of "values" (get $values $role)) | fromYaml) -}}
{{- else if and (eq $role "master") (not $values.elastic) -}}
{{- $_ := set $all $name (omit $values.workers "replicas") -}}
{{- else if eq $role "launcher" -}}
{{- $size := dict "cpu" "1" "memory" "2Gi" -}}
{{- $_ := set $all $name (dict "jobClass" $values.workers.jobClass "resources" (dict "requests" $size "limits" $size)) -}}
{{- end -}}
{{- end -}}
{{- $all | toYaml -}}
{{- end -}}

{{/*
The gang of a job, as YAML. Give it root, name (of the job) and pods (how many it has).
*/}}
{{- define "platform.trainingGang" -}}
{{- $gang := .root.Values.gang -}}
{{- $least := $gang.minimum | default (.root.Values.elastic | default dict).minimum -}}
{{- with include "platform.gangOf" (dict "root" .root "gang" (dict "enabled" $gang.enabled "minimum" $least) "pods" .pods) -}}
{{- merge (dict "name" $.name) (fromYaml .) | toYaml -}}
{{- end -}}
{{- end -}}

{{/*
What the main container and its pod have beside, as YAML: checkpoints and shared memory. Give it the root.
*/}}
{{- define "platform.trainingExtras" -}}
{{- $env := list -}}
{{- with .Values.checkpointDirectory }}{{ $env = list (dict "name" "CHECKPOINT_DIR" "value" .) }}{{ end -}}
{{- $mounts := list -}}
{{- $volumes := list -}}
{{- with .Values.sharedMemoryGib -}}
{{- $mounts = list (dict "name" "shared-memory" "mountPath" "/dev/shm") -}}
{{- $volumes = list (dict "name" "shared-memory" "emptyDir" (dict "medium" "Memory" "sizeLimit" (printf "%dGi" (int .)))) -}}
{{- end -}}
{{- dict "env" $env "volumeMounts" $mounts "volumes" $volumes | toYaml -}}
{{- end -}}

{{/*
The job, as YAML. Give it root and name (of the job).
*/}}
{{- define "platform.trainingJob" -}}
{{- include "platform.checkTraining" .root -}}
{{- if eq .root.Values.operator "trainer" -}}
{{- include "platform.trainJob" . -}}
{{- else -}}
{{- include "platform.trainingOperatorJob" . -}}
{{- end -}}
{{- end -}}

{{- define "platform.trainingOperatorJob" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $framework := get (include "platform.frameworks" . | fromYaml) $values.framework -}}
{{- $replicas := include "platform.trainingReplicas" .root | fromYaml -}}
{{- $pods := 0 -}}
{{- range $replicas }}{{ $pods = add $pods (int (.replicas | default 1)) }}{{ end -}}
{{- $gang := include "platform.trainingGang" (dict "root" .root "name" .name "pods" $pods) | fromYaml -}}
{{- $extras := include "platform.trainingExtras" .root | fromYaml -}}
apiVersion: kubeflow.org/v1
kind: {{ $framework.kind }}
metadata:
  {{- include "platform.jobMetadata" (dict "root" .root "kind" $framework.kind "name" .name "elastic" (not (not $values.elastic))) | nindent 2 }}
spec:
  runPolicy:
    {{- include "platform.suspend" (dict "root" .root "kind" $framework.kind) | nindent 4 }}
    activeDeadlineSeconds: {{ int $values.runPolicy.activeDeadlineSeconds }}
    backoffLimit: {{ int $values.runPolicy.backoffLimit }}
    ttlSecondsAfterFinished: {{ int $values.runPolicy.ttlSecondsAfterFinished }}
    cleanPodPolicy: {{ $values.runPolicy.cleanPodPolicy }}
  {{- if eq $values.framework "pytorch" }}
  nprocPerNode: {{ toString $values.processesPerNode | quote }}
  {{- else if eq $values.framework "mpi" }}
  slotsPerWorker: {{ ternary 1 $values.processesPerNode (kindIs "string" $values.processesPerNode) | int }}
  {{- end }}
  {{- if $values.elastic }}
  {{- $elastic := include "platform.withDefaults" (dict "root" .root "of" "ElasticValues" "values" $values.elastic) | fromYaml }}
  elasticPolicy:
    rdzvBackend: c10d
    minReplicas: {{ int $elastic.minimum }}
    maxReplicas: {{ int $elastic.maximum }}
    maxRestarts: {{ int $elastic.maxRestarts }}
  {{- end }}
  {{ $framework.specs }}:
    {{- range $name, $pod := $replicas }}
    {{- $container := dict "name" $framework.container "env" $extras.env "volumeMounts" $extras.volumeMounts }}
    {{- if or (ne $values.framework "mpi") (eq $name "Launcher") }}
    {{- range $key := list "command" "args" }}{{ with get $values $key }}{{ $_ := set $container $key . }}{{ end }}{{ end }}
    {{- end }}
    {{ $name }}:
      replicas: {{ $pod.replicas | default 1 | int }}
      restartPolicy: {{ $values.restartPolicy }}
      template:
        {{- include "platform.pod" (dict "root" $root "kind" $framework.kind "jobKind" "training" "gang" $gang "pod" $pod "container" $container "spec" (dict "volumes" $extras.volumes)) | nindent 8 }}
    {{- end }}
{{- end -}}

{{- define "platform.trainJob" -}}
{{- $values := .root.Values -}}
{{- $extras := include "platform.trainingExtras" .root | fromYaml -}}
{{- $gang := include "platform.trainingGang" (dict "root" .root "name" .name "pods" $values.workers.replicas) | fromYaml -}}
{{- $pod := include "platform.pod" (dict "root" .root "kind" "TrainJob" "jobKind" "training" "gang" $gang "pod" $values.workers "container" (dict "name" "node" "env" $extras.env "volumeMounts" $extras.volumeMounts) "spec" (dict "volumes" $extras.volumes)) | fromYaml -}}
{{- $container := first $pod.spec.containers -}}
{{- $spec := pick $pod.spec "serviceAccountName" "affinity" "tolerations" "volumes" -}}
{{- $_ := set $spec "containers" (list (pick $container "name" "volumeMounts" "securityContext")) -}}
apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
metadata:
  {{- include "platform.jobMetadata" (dict "root" .root "kind" "TrainJob" "name" .name) | nindent 2 }}
spec:
  {{- include "platform.suspend" (dict "root" .root "kind" "TrainJob") | nindent 2 }}
  activeDeadlineSeconds: {{ int $values.runPolicy.activeDeadlineSeconds }}
  runtimeRef:
    apiGroup: trainer.kubeflow.org
    kind: ClusterTrainingRuntime
    name: {{ $values.runtime }}
  trainer:
    image: {{ $values.image | quote }}
    numNodes: {{ int $values.workers.replicas }}
    {{- if not (kindIs "string" $values.processesPerNode) }}
    numProcPerNode: {{ int $values.processesPerNode }}
    {{- end }}
    {{- range $key := list "command" "args" }}
    {{- with get $values $key }}
    {{ $key }}:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- end }}
    {{- with $container.env }}
    env:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    resourcesPerNode:
      {{- toYaml $container.resources | nindent 6 }}
  runtimePatches:
    - manager: helm.sh/training-job
      trainingRuntimeSpec:
        template:
          spec:
            replicatedJobs:
              - name: node
                template:
                  spec:
                    template:
                      metadata:
                        {{- toYaml $pod.metadata | nindent 24 }}
                      spec:
                        {{- toYaml $spec | nindent 24 }}
{{- end -}}

{{/*
Argo's condition that a job has failed: it takes no queries, so the type of each condition that there may be. One that
holds is enough. Give it the positions.
*/}}
{{- define "platform.failedAt" -}}
{{- $terms := list -}}
{{- range . }}{{ $terms = append $terms (printf "status.conditions.%d.type == Failed" .) }}{{ end -}}
{{- join ", " $terms -}}
{{- end -}}

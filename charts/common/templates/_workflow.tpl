{{/*
When a CronWorkflow runs: the fields of its spec beside the workflow. Give it root and schedule (the values).
*/}}
{{- define "platform.cron" -}}
{{- $schedule := include "platform.withDefaults" (dict "root" .root "of" "ScheduleValues" "values" .schedule) | fromYaml -}}
schedules: [{{ $schedule.cron | quote }}]
timezone: {{ $schedule.timezone }}
concurrencyPolicy: {{ $schedule.concurrencyPolicy }}
startingDeadlineSeconds: 600
successfulJobsHistoryLimit: {{ int $schedule.successfulRuns }}
failedJobsHistoryLimit: {{ int $schedule.failedRuns }}
suspend: {{ $schedule.suspend }}
{{- end -}}

{{/*
Labels of the pods of a workflow, those that its queue wants among them. Give it the root.
*/}}
{{- define "platform.workflowPods" -}}
{{- $marker := include "platform.marker" (dict "root" . "kind" "Workflow") | fromYaml -}}
labels:
  {{- merge (dict) ($marker.pods | default dict) (include "platform.labels" . | fromYaml) | toYaml | nindent 2 }}
{{- end -}}

{{/*
Refuses steps that wait for steps that are not there, or for each other in a circle. Give it the root.
*/}}
{{- define "platform.checkSteps" -}}
{{- $steps := .Values.steps -}}
{{- range $name, $step := $steps -}}
{{- if has $name (list "main" "on-exit") -}}
{{- fail (printf "steps.%s: the name is taken by the workflow itself" $name) -}}
{{- end -}}
{{- range ($step | default dict).after -}}
{{- if not (hasKey $steps .) -}}
{{- fail (printf "steps.%s.after: %q is no step; there are: %s" $name . (keys $steps | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $done := dict -}}
{{- range until (len $steps) -}}
{{- range $name, $step := $steps -}}
{{- $ready := true -}}
{{- range ($step | default dict).after -}}
{{- if not (hasKey $done .) }}{{ $ready = false }}{{ end -}}
{{- end -}}
{{- if $ready }}{{ $_ := set $done $name true }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $stuck := omit $steps -}}
{{- range $name, $_ := $done }}{{ $stuck = omit $stuck $name }}{{ end -}}
{{- if $stuck -}}
{{- fail (printf "steps: %s wait for each other, or for steps that do, in a circle" (keys $stuck | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}

{{/*
The template of a container, as YAML: a pod template in the fields that Argo has for it. Give it root and step (the
values).
*/}}
{{- define "platform.workflowContainer" -}}
{{- $container := dict "name" "main" -}}
{{- range $key := list "command" "args" }}{{ with get $.step $key }}{{ $_ := set $container $key . }}{{ end }}{{ end -}}
{{- $env := list -}}
{{- range $name, $value := .step.env }}{{ $env = append $env (dict "name" $name "value" $value) }}{{ end -}}
{{- $_ := set $container "env" $env -}}
{{- $pod := include "platform.pod" (dict "root" .root "kind" "Workflow" "jobKind" "workflow" "pod" .step "container" $container) | fromYaml -}}
{{- $main := first $pod.spec.containers -}}
{{- with .step.image }}{{ $_ := set $main "image" . }}{{ end -}}
{{- merge (dict "metadata" $pod.metadata "container" $main) (omit $pod.spec "containers" "serviceAccountName") | toYaml -}}
{{- end -}}

{{/*
The template of a step, as YAML. Give it root, name and step (the values).
*/}}
{{- define "platform.workflowStep" -}}
{{- $template := dict "name" .name -}}
{{- if .step.job -}}
{{- range $key := list "image" "command" "args" "env" "inputs" "outputs" -}}
{{- if get $.step $key -}}
{{- fail (printf "steps.%s.%s: a step that makes a job has no container; say it in the job's manifest" $.name $key) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $template "resource" (dict "action" "create" "setOwnerReference" true "manifest" .step.job.manifest "successCondition" .step.job.successCondition "failureCondition" .step.job.failureCondition) -}}
{{- else -}}
{{- $template = merge $template (include "platform.workflowContainer" . | fromYaml) -}}
{{- end -}}
{{- with .step.retries -}}
{{- $_ := set $template "retryStrategy" (dict "limit" (int . | toString) "retryPolicy" "Always" "backoff" (dict "duration" "60" "factor" "2")) -}}
{{- end -}}
{{- with .step.timeoutSeconds }}{{ $_ := set $template "activeDeadlineSeconds" (int .) }}{{ end -}}
{{- $inputs := list -}}
{{- range $name, $values := .step.inputs -}}
{{- $input := include "platform.withDefaults" (dict "root" $.root "of" "InputValues" "values" $values) | fromYaml -}}
{{- if eq (not $input.key) (not $input.fromStep) -}}
{{- fail (printf "steps.%s.inputs.%s: must have either key or fromStep" $.name $name) -}}
{{- end -}}
{{- $artifact := dict "name" $name "path" $input.path -}}
{{- with $input.key }}{{ $_ := set $artifact "oss" (dict "key" .) }}{{ end -}}
{{- $inputs = append $inputs $artifact -}}
{{- end -}}
{{- with $inputs }}{{ $_ := set $template "inputs" (dict "artifacts" .) }}{{ end -}}
{{- $outputs := list -}}
{{- range $name, $values := .step.outputs -}}
{{- $artifact := dict "name" $name "path" $values.path -}}
{{- with $values.key }}{{ $_ := set $artifact "oss" (dict "key" .) }}{{ end -}}
{{- $outputs = append $outputs $artifact -}}
{{- end -}}
{{- with $outputs }}{{ $_ := set $template "outputs" (dict "artifacts" .) }}{{ end -}}
{{- $template | toYaml -}}
{{- end -}}

{{/*
The task of a step in the DAG, as YAML. Give it root, name and step (the values).
*/}}
{{- define "platform.workflowTask" -}}
{{- $task := dict "name" .name "template" .name -}}
{{- with .step.after }}{{ $_ := set $task "dependencies" . }}{{ end -}}
{{- with .step.when }}{{ $_ := set $task "when" . }}{{ end -}}
{{- $artifacts := list -}}
{{- range $name, $input := .step.inputs -}}
{{- with $input.fromStep -}}
{{- $from := splitList "." . -}}
{{- $source := get $.root.Values.steps (first $from) | default dict -}}
{{- if or (not (has (first $from) ($.step.after | default list))) (not (hasKey ($source.outputs | default dict) (last $from))) -}}
{{- fail (printf "steps.%s.inputs.%s.fromStep = %q: is no output of a step in after" $.name $name .) -}}
{{- end -}}
{{- $artifacts = append $artifacts (dict "name" $name "from" (printf "{{tasks.%s.outputs.artifacts.%s}}" (first $from) (last $from))) -}}
{{- end -}}
{{- end -}}
{{- with $artifacts }}{{ $_ := set $task "arguments" (dict "artifacts" .) }}{{ end -}}
{{- $task | toYaml -}}
{{- end -}}

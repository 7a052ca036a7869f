{{/*
Service account of Zeppelin's server, and that of its interpreters' pods. Give them the root.
*/}}
{{- define "zeppelin.account" -}}
{{- if .Values.rbac.create -}}
{{ .Values.serviceAccountName | default .Release.Name }}
{{- else -}}
{{ include "platform.serviceAccount" (dict "root" . "kind" "notebook") }}
{{- end -}}
{{- end -}}

{{- define "zeppelin.interpreterAccount" -}}
{{- $name := .Values.interpreters.serviceAccountName -}}
{{- if $name -}}
{{ $name }}
{{- else if .Values.rbac.create -}}
{{ .Release.Name }}-interpreter
{{- else if has "spark" .Values.platform.serviceAccounts -}}
spark
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/*
User of Zeppelin's image, whose directories belong to the group 0.
*/}}
{{- define "zeppelin.user" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 0
{{- end -}}

{{/*
What the server makes for an interpreter, in the language of its templates (Jinja): a pod, placed as its job class says,
and a headless Service of the same name. Unlike Zeppelin's own it makes no roles: the service account has its rights
already. There are no spaces in expressions, where YAML's writer would break long lines. Give it the root.
*/}}
{{- define "zeppelin.interpreter" -}}
{{- $name := "{{zeppelin.k8s.interpreter.pod.name}}" -}}
{{- $values := deepCopy .Values -}}
{{- $_ := set $values "image" (.Values.interpreters.image | default .Values.image) -}}
{{- $_ := set $values "serviceAccountName" (include "zeppelin.interpreterAccount" .) -}}
{{- $root := set (omit . "Values") "Values" $values -}}
{{- $selector := dict "app" $name "app.kubernetes.io/name" "zeppelin-interpreter" -}}
{{- $pods := include "web.podValues" (dict "root" . "pod" .Values.interpreters.pods "selector" $selector) | fromYaml -}}
{{- $resources := include "platform.resources" (dict "root" . "pod" $pods) | fromYaml -}}
{{- range $of := list $resources.requests $resources.limits -}}
{{- range $resource, $property := dict "cpu" "cores" "memory" "memory" -}}
{{- with get ($of | default dict) $resource -}}
{{- $_ := set $of $resource (printf "{{zeppelin.k8s.interpreter.%s|default(\"%s\")}}" $property (toString .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $annotations := dict "zeppelin/group" "{{zeppelin.k8s.interpreter.group.id}}" "zeppelin/user" "{{zeppelin.k8s.interpreter.user}}" -}}
{{- $_ := set $pods "annotations" (merge $annotations ($pods.annotations | default dict)) -}}
{{- $_ := set $pods "resources" $resources -}}
{{- $interpreter := "$(ZEPPELIN_HOME)/interpreter/{{zeppelin.k8s.interpreter.group.name}}" -}}
{{- $repository := "{{zeppelin.k8s.interpreter.localRepo}}/{{zeppelin.k8s.interpreter.setting.name}}" -}}
{{- $args := list "$(ZEPPELIN_HOME)/bin/interpreter.sh" "-d" $interpreter "-r" "{{zeppelin.k8s.interpreter.rpc.portRange}}" "-c" "{{zeppelin.k8s.server.rpc.service}}" "-p" "{{zeppelin.k8s.server.rpc.portRange}}" "-i" "{{zeppelin.k8s.interpreter.group.id}}" "-l" $repository "-g" "{{zeppelin.k8s.interpreter.setting.name}}" -}}
{{- $container := dict "name" "{{zeppelin.k8s.interpreter.container.name}}" "args" $args "env" (list (dict "name" "INTERPRETER_ENVIRONMENT")) -}}
{{- $spec := dict "restartPolicy" "Never" "enableServiceLinks" false "automountServiceAccountToken" false "securityContext" (include "zeppelin.user" . | fromYaml) -}}
{{- if .Values.interpreters.sparkImage -}}
{{- $_ := set $container "volumeMounts" (list (dict "name" "spark-home" "mountPath" "/spark")) -}}
{{- $_ := set $spec "volumes" (list (dict "name" "spark-home" "emptyDir" dict)) -}}
{{- end -}}
{{- $pod := include "platform.pod" (dict "root" $root "kind" "Pod" "jobKind" "notebook" "pod" $pods "container" $container "spec" $spec) | fromYaml -}}
{{- $waits := $pod.spec.initContainers -}}
{{- $_ := set $pod "spec" (omit $pod.spec "automountServiceAccountToken" "initContainers") -}}
{{- $owner := dict "apiVersion" "v1" "kind" "Pod" "name" "{{zeppelin.k8s.server.pod.name}}" "uid" "{{zeppelin.k8s.server.uid}}" -}}
{{- $metadata := dict "name" $name "namespace" .Release.Namespace "ownerReferences" (list $owner) -}}
{{- $environment := "${1}{% for key, value in zeppelin.k8s.envs.items() %}\n${1}- name: {{ key }}\n${1}  value: {{ value }}\n${1}{% endfor %}" -}}
apiVersion: v1
kind: Pod
metadata:
  {{- merge (dict) $metadata $pod.metadata | toYaml | nindent 2 }}
spec:
  {{- regexReplaceAll "( *)- name: INTERPRETER_ENVIRONMENT" (toYaml $pod.spec | nindent 2) $environment }}
  {{ "{% if zeppelin.k8s.interpreter.group.name == \"spark\" %}" }}
  automountServiceAccountToken: true
  {{- if or .Values.interpreters.sparkImage $waits }}
  initContainers:
    {{- with $waits }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- if .Values.interpreters.sparkImage }}
    - name: spark-home
      image: {{ .Values.interpreters.sparkImage | quote }}
      imagePullPolicy: {{ .Values.imagePullPolicy }}
      command: [sh, -c, cp -R /opt/spark/. /spark/]
      resources:
        requests: {cpu: 250m, memory: 256Mi}
        limits: {cpu: "1", memory: 256Mi}
      securityContext:
        {{- include "platform.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - {name: spark-home, mountPath: /spark}
    {{- end }}
  {{- end }}
  {{ "{% else %}" }}
  automountServiceAccountToken: false
  {{- with $waits }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{ "{% endif %}" }}
---
apiVersion: v1
kind: Service
metadata:
  {{- toYaml $metadata | nindent 2 }}
spec:
  clusterIP: None
  selector:
    app: {{ $name | quote }}
  ports:
    - {name: intp, port: 12321}
    - {name: spark-driver, port: 22321}
    - {name: spark-blockmanager, port: 22322}
    - {name: spark-ui, port: 4040}
{{- end -}}

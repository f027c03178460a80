{{- define "apim-edge.name" -}}
{{- if contains "apim-edge" .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-apim-edge" .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "apim-edge.selector" -}}
app.kubernetes.io/name: apim-edge
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "apim-edge.labels" -}}
{{ include "apim-edge.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "apim-edge.image" -}}
{{- $repository := required "image.repository is not set, and there is no published image: build one with the Dockerfile, push it to where your cluster can pull it, and set image.repository to its name without the tag" .Values.image.repository -}}
{{- with .Values.image.digest -}}
{{ $repository }}@{{ . }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* The configuration: what the user has written, and over it what must agree with
the rest of the chart. */ -}}
{{- define "apim-edge.config" -}}
{{- if not .Values.config.upstreams -}}
{{- fail "config.upstreams is not set: write at least config.upstreams.legacy.url, the URL of the API in API Management" -}}
{{- end -}}
{{- $own := dict
    "listen" (dict "address" ":8080")
    "admin" (dict "address" ":9090")
    "timeouts" (dict "drain" (printf "%ds" (int .Values.drain.seconds)) "drain_delay" (printf "%ds" (int .Values.drain.delaySeconds)))
    "log" (dict "format" "json") -}}
{{- if .Values.adminToken.secret -}}
{{- $_ := set $own.admin "token" (printf "file:/run/secrets/%s/%s" .Values.adminToken.secret .Values.adminToken.key) -}}
{{- end -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $own) -}}
{{- end }}

{{- /* The Secrets that are mounted, each once. */ -}}
{{- define "apim-edge.secretFiles" -}}
{{- $all := .Values.secretFiles -}}
{{- with .Values.adminToken.secret -}}{{- $all = append $all . -}}{{- end -}}
{{- $all | uniq | toJson -}}
{{- end }}

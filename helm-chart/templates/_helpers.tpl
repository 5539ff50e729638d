{{- define "mlaas-helper.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "mlaas-helper.fullname" -}}
{{- $name := include "mlaas-helper.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "mlaas-helper.selectorLabels" -}}
app.kubernetes.io/name: {{ include "mlaas-helper.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "mlaas-helper.commonLabels" -}}
{{ include "mlaas-helper.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: mlaas
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "mlaas-helper.labels" -}}
{{ include "mlaas-helper.commonLabels" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- /* The pods of the gateway alone: Redis shares the other two labels. */}}
{{- define "mlaas-helper.podSelector" -}}
{{ include "mlaas-helper.selectorLabels" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "mlaas-helper.redisSelector" -}}
{{ include "mlaas-helper.selectorLabels" . }}
app.kubernetes.io/component: redis
{{- end }}

{{- define "mlaas-helper.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "mlaas-helper.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "mlaas-helper.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- define "mlaas-helper.secretName" -}}
{{- default (include "mlaas-helper.fullname" .) .Values.secret.existingSecret }}
{{- end }}

{{- define "mlaas-helper.tlsSecretName" -}}
{{- if .Values.tls.secretName }}{{ .Values.tls.secretName }}
{{- else if .Values.tls.serviceCA }}{{ include "mlaas-helper.fullname" . }}-serving-cert
{{- end }}
{{- end }}

{{- define "mlaas-helper.caConfigMap" -}}
{{- if .Values.customCA.configMap }}{{ .Values.customCA.configMap }}
{{- else if or .Values.customCA.pem .Values.customCA.injectTrustedBundle }}{{ include "mlaas-helper.fullname" . }}-ca
{{- end }}
{{- end }}

{{- define "mlaas-helper.redisUrl" -}}
{{- if .Values.redis.deploy }}redis://{{ include "mlaas-helper.fullname" . }}-redis:6379
{{- else }}{{ .Values.redis.url }}
{{- end }}
{{- end }}

{{- define "mlaas-helper.hasRoute" -}}
{{- if or (eq (toString .Values.route.enabled) "true") (and (eq (toString .Values.route.enabled) "auto") (.Capabilities.APIVersions.Has "route.openshift.io/v1")) }}true{{ end }}
{{- end }}

{{- /* Longer than the helper takes for its own answer, so that the router's 504 never comes first. */}}
{{- define "mlaas-helper.routeTimeout" -}}
{{- $timeout := toString (default 30 .Values.config.API_TIMEOUT) }}
{{- if .Values.route.timeout }}{{ .Values.route.timeout }}
{{- else if regexMatch "^[0-9]+s?$" $timeout }}{{ add 2 (int (trimSuffix "s" $timeout)) }}s
{{- else if regexMatch "^[0-9]+m$" $timeout }}{{ add 2 (mul 60 (int (trimSuffix "m" $timeout))) }}s
{{- else }}602s
{{- end }}
{{- end }}

{{- /* The port of a URL: its own, or that of its scheme. */}}
{{- define "mlaas-helper.urlPort" -}}
{{- $scheme := regexFind "^[A-Za-z][A-Za-z0-9+.-]*://" . | lower }}
{{- /* A password may hold signs that end a host. */}}
{{- $rest := regexReplaceAll "^.*@" (regexReplaceAll "^[A-Za-z][A-Za-z0-9+.-]*://" . "") "" }}
{{- $port := regexFind ":[0-9]+$" (regexFind "^[^/?#]*" $rest) | trimPrefix ":" }}
{{- if $port }}{{ $port }}
{{- else if hasPrefix "redis" $scheme }}6379
{{- else if hasPrefix "socks" $scheme }}1080
{{- else if eq $scheme "https://" }}443
{{- else }}80
{{- end }}
{{- end }}

{{- /* The container's variables, as a map. The chart's own values win over `config`. */}}
{{- define "mlaas-helper.environment" -}}
{{- $environment := dict }}
{{- range $name, $value := .Values.config }}
{{- /* Numbers come as floating point, whose usual form of a million is 1e+06. */}}
{{- if and (kindIs "float64" $value) (eq $value (floor $value)) }}{{ $value = printf "%.0f" $value }}{{ end }}
{{- $_ := set $environment $name (toString $value) }}
{{- end }}
{{- $own := dict
  "KEYCLOAK_URL" .Values.keycloak.url
  "KEYCLOAK_REALM" .Values.keycloak.realm
  "KEYCLOAK_CLIENT_ID" .Values.keycloak.clientId
  "THREESCALE_ADMIN_API_URL" .Values.threescale.adminApiUrl
  "SERVER_PORT" (toString .Values.containerPort)
  "SHUTDOWN_DRAIN_SECONDS" (toString .Values.shutdown.drainSeconds)
  "HTTPS_PROXY" .Values.proxy.https
  "HTTP_PROXY" .Values.proxy.http
  "NO_PROXY" .Values.proxy.noProxy
  "TRUSTED_PROXIES" (join "," .Values.trustedProxies)
  "PORTAL_URL" .Values.portal.url
  "REDIS_URL" (include "mlaas-helper.redisUrl" .) }}
{{- if .Values.metrics.port }}{{ $_ := set $own "METRICS_PORT" (toString .Values.metrics.port) }}{{ end }}
{{- if include "mlaas-helper.caConfigMap" . }}
{{- $_ := set $own "CA_BUNDLE" (printf "/etc/mlaas/ca/%s" .Values.customCA.key) }}
{{- end }}
{{- if include "mlaas-helper.tlsSecretName" . }}
{{- $_ := set $own "TLS_CERT_FILE" "/etc/mlaas/tls/tls.crt" }}
{{- $_ := set $own "TLS_KEY_FILE" "/etc/mlaas/tls/tls.key" }}
{{- end }}
{{- range $name, $value := $own }}
{{- if $value }}{{ $_ := set $environment $name $value }}{{ end }}
{{- end }}
{{- toYaml $environment }}
{{- end }}

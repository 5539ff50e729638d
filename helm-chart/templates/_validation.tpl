{{- /* Everything that is wrong with the values, one line each; nothing is rendered until it is empty. */}}
{{- define "mlaas-helper.problems" -}}
{{- $placeholder := "(?i)(change[-_ ]?me|placeholder|replace[-_ ]|your[-_]|<[^>]*>|\\bexample\\.(com|org|net)\\b|xxxx)" }}
{{- $required := dict
  "image.repository" .Values.image.repository
  "keycloak.url" .Values.keycloak.url
  "keycloak.realm" .Values.keycloak.realm
  "keycloak.clientId" .Values.keycloak.clientId
  "threescale.adminApiUrl" .Values.threescale.adminApiUrl }}
{{- if not .Values.secret.existingSecret }}
{{- $_ := set $required "secret.data.THREESCALE_ADMIN_API_KEY" (get .Values.secret.data "THREESCALE_ADMIN_API_KEY") }}
{{- end }}
{{- range $name, $value := $required }}
{{- if not $value }}
- {{ $name }}: is required{{ if hasPrefix "secret." $name }} (or name a Secret that holds it in secret.existingSecret){{ end }}
{{- end }}
{{- end }}
{{- $checked := merge (dict "secret.existingSecret" .Values.secret.existingSecret "image.tag" .Values.image.tag
  "route.host" .Values.route.host "ingress.host" .Values.ingress.host "redis.url" .Values.redis.url "portal.url" .Values.portal.url
  "proxy.https" .Values.proxy.https "proxy.http" .Values.proxy.http) $required }}
{{- range $name, $value := .Values.config }}{{ $_ := set $checked (printf "config.%s" $name) (toString $value) }}{{ end }}
{{- range $name, $value := .Values.secret.data }}{{ $_ := set $checked (printf "secret.data.%s" $name) $value }}{{ end }}
{{- range $name, $value := $checked }}
{{- if and $value (regexMatch $placeholder $value) }}
- {{ $name }}: is still a placeholder{{ if not (hasPrefix "secret.data" $name) }} ({{ $value }}){{ end }}
{{- end }}
{{- end }}
{{- $owners := dict "KEYCLOAK_URL" "keycloak.url" "KEYCLOAK_REALM" "keycloak.realm" "KEYCLOAK_CLIENT_ID" "keycloak.clientId"
  "THREESCALE_ADMIN_API_URL" "threescale.adminApiUrl" "SERVER_PORT" "containerPort"
  "SHUTDOWN_DRAIN_SECONDS" "shutdown.drainSeconds" "METRICS_PORT" "metrics.port" "HTTPS_PROXY" "proxy.https"
  "HTTP_PROXY" "proxy.http" "NO_PROXY" "proxy.noProxy" "TRUSTED_PROXIES" "trustedProxies" "TLS_CERT_FILE" "tls.secretName" "TLS_KEY_FILE" "tls.secretName"
  "THREESCALE_ADMIN_API_KEY" "secret.data" "KEYCLOAK_CLIENT_SECRET" "secret.data"
  "OTEL_EXPORTER_OTLP_HEADERS" "secret.data" "PORTAL_URL" "portal.url" "SESSION_SECRET" "secret.data" }}
{{- range $name, $value := .Values.config }}
{{- if hasKey $owners $name }}
- config.{{ $name }}: set {{ get $owners $name }} instead
{{- end }}
{{- end }}
{{- range $name, $value := dict "redis.url" .Values.redis.url "config.REDIS_URL" (get .Values.config "REDIS_URL") "config.ALL_PROXY" (get .Values.config "ALL_PROXY") }}
{{- if and $value (contains "@" (toString $value)) }}
- {{ $name }}: holds a password, which a ConfigMap shows to everybody; put it into the Secret as {{ ternary "ALL_PROXY" "REDIS_URL" (hasSuffix "ALL_PROXY" $name) }}
{{- end }}
{{- end }}
{{- range $name := list "HTTPS_PROXY" "HTTP_PROXY" }}
{{- $value := get (dict "HTTPS_PROXY" $.Values.proxy.https "HTTP_PROXY" $.Values.proxy.http) $name }}
{{- if and $value (contains "@" $value) }}
- proxy.{{ ternary "https" "http" (eq $name "HTTPS_PROXY") }}: holds a password; put it into the Secret as {{ $name }}
{{- end }}
{{- end }}
{{- if and .Values.secret.existingSecret .Values.secret.data }}
- secret.data: is not used when secret.existingSecret is set
{{- end }}
{{- if and .Values.redis.deploy .Values.redis.url }}
- redis.url: is not used when redis.deploy is true
{{- end }}
{{- if and .Values.portal.url (not .Values.secret.existingSecret) }}
{{- range $name := list "SESSION_SECRET" "KEYCLOAK_CLIENT_SECRET" }}
{{- if not (get $.Values.secret.data $name) }}
- portal.url: needs secret.data.{{ $name }} (or a Secret that holds it in secret.existingSecret)
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.customCA.pem .Values.customCA.configMap }}
- customCA.pem: is not used when customCA.configMap is set
{{- end }}
{{- if and .Values.customCA.injectTrustedBundle (or .Values.customCA.pem .Values.customCA.configMap) }}
- customCA.injectTrustedBundle: cannot be combined with customCA.pem or customCA.configMap
{{- end }}
{{- if and .Values.customCA.injectTrustedBundle (ne .Values.customCA.key "ca-bundle.crt") }}
- customCA.key: the cluster writes its roots to ca-bundle.crt
{{- end }}
{{- if and .Values.tls.secretName .Values.tls.serviceCA }}
- tls.serviceCA: cannot be combined with tls.secretName
{{- end }}
{{- if and (include "mlaas-helper.hasRoute" .) (eq .Values.route.termination "reencrypt") (not (include "mlaas-helper.tlsSecretName" .)) }}
- route.termination: reencrypt needs tls.secretName or tls.serviceCA
{{- end }}
{{- if and (include "mlaas-helper.hasRoute" .) (eq .Values.route.termination "edge") (include "mlaas-helper.tlsSecretName" .) }}
- route.termination: must be reencrypt when the pod serves HTTPS (tls)
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
- ingress.host: is required when ingress.enabled is true
{{- end }}
{{- if and .Values.metrics.port (eq (int .Values.metrics.port) (int .Values.containerPort)) }}
- metrics.port: must differ from containerPort; 0 serves metrics on the main port
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
- autoscaling.minReplicas: must not exceed autoscaling.maxReplicas
{{- end }}
{{- if and (eq (toString .Values.rollingUpdate.maxUnavailable) "0") (eq (toString .Values.rollingUpdate.maxSurge) "0") }}
- rollingUpdate.maxSurge: must not be 0 when rollingUpdate.maxUnavailable is 0
{{- end }}
{{- end }}

{{- define "mlaas-helper.validate" -}}
{{- $problems := include "mlaas-helper.problems" . | trim }}
{{- if $problems }}{{ fail (printf "\n\nThe values have problems:\n%s\n" $problems) }}{{ end }}
{{- end }}

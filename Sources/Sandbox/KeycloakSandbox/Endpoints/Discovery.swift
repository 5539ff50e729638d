import Crypto
import HTTP
import HTTPServer
import JSON

extension Exchange {
    /// `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 §3, RFC 8414 §2).
    func discovery() -> Response {
        let base = "\(origin)/realms/\(RealmSeed.realm)/protocol/openid-connect"
        let endpoints: [(String, JSONValue)] = [
            ("token_endpoint", .string("\(base)/token")), ("revocation_endpoint", .string("\(base)/revoke")),
            ("introspection_endpoint", .string("\(base)/token/introspect")),
            ("device_authorization_endpoint", .string("\(base)/auth/device")),
            (
                "registration_endpoint",
                .string("\(origin)/realms/\(RealmSeed.realm)/clients-registrations/openid-connect")
            ),
            ("userinfo_endpoint", .string("\(base)/userinfo")),
            ("pushed_authorization_request_endpoint", .string("\(base)/ext/par/request")),
            ("backchannel_authentication_endpoint", .string("\(base)/ext/ciba/auth")),
        ]
        var document = JSONObject([
            ("issuer", .string(issuer)), ("authorization_endpoint", .string("\(base)/auth")),
            ("end_session_endpoint", .string("\(base)/logout")), ("jwks_uri", .string("\(base)/certs")),
            ("check_session_iframe", .string("\(base)/login-status-iframe.html")),
        ])
        for (name, value) in endpoints { document[name] = value }
        for (name, value) in Self.capabilities { document[name] = value }
        document["mtls_endpoint_aliases"] = .object(JSONObject(endpoints))
        var response = Response.json(JSONValue.object(document).encoded())
        response.fields["cache-control"] = "no-cache, must-revalidate, no-transform, no-store"
        return response
    }

    private static let signatures: JSONValue = [
        "PS384", "RS384", "EdDSA", "ES384", "HS256", "HS512", "ES256", "RS256", "HS384", "ES512", "PS256", "PS512",
        "RS512",
    ]
    private static let clientAuthentication: JSONValue = [
        "private_key_jwt", "client_secret_basic", "client_secret_post", "tls_client_auth", "client_secret_jwt",
    ]

    /// What stays the same for every host.
    private static let capabilities: [(String, JSONValue)] = [
        ("frontchannel_logout_session_supported", true), ("frontchannel_logout_supported", true),
        (
            "grant_types_supported",
            [
                "authorization_code", "client_credentials", "implicit", "password", "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange",
                "urn:ietf:params:oauth:grant-type:uma-ticket", "urn:openid:params:grant-type:ciba",
            ]
        ),
        ("acr_values_supported", ["0", "1"]),
        (
            "response_types_supported",
            [
                "code", "none", "id_token", "token", "id_token token", "code id_token", "code token",
                "code id_token token",
            ]
        ),
        ("subject_types_supported", ["public", "pairwise"]), ("prompt_values_supported", ["none", "login", "consent"]),
        ("id_token_signing_alg_values_supported", signatures),
        ("id_token_encryption_alg_values_supported", ["ECDH-ES", "RSA-OAEP", "RSA-OAEP-256"]),
        ("id_token_encryption_enc_values_supported", ["A256GCM", "A128CBC-HS256"]),
        ("userinfo_signing_alg_values_supported", signatures),
        ("userinfo_encryption_alg_values_supported", ["RSA-OAEP"]),
        ("userinfo_encryption_enc_values_supported", ["A256GCM"]),
        ("request_object_signing_alg_values_supported", signatures),
        ("request_object_encryption_alg_values_supported", ["RSA-OAEP"]),
        ("request_object_encryption_enc_values_supported", ["A256GCM"]),
        (
            "response_modes_supported",
            ["query", "fragment", "form_post", "query.jwt", "fragment.jwt", "form_post.jwt", "jwt"]
        ),
        ("token_endpoint_auth_methods_supported", clientAuthentication),
        ("token_endpoint_auth_signing_alg_values_supported", signatures),
        ("introspection_endpoint_auth_methods_supported", clientAuthentication),
        ("introspection_endpoint_auth_signing_alg_values_supported", signatures),
        ("authorization_signing_alg_values_supported", signatures),
        ("authorization_encryption_alg_values_supported", ["RSA-OAEP"]),
        ("authorization_encryption_enc_values_supported", ["A256GCM"]),
        (
            "claims_supported",
            [
                "iss", "sub", "aud", "exp", "iat", "auth_time", "name", "given_name", "family_name",
                "preferred_username", "email", "acr", "azp", "nonce",
            ]
        ),
        ("claim_types_supported", ["normal"]), ("claims_parameter_supported", true),
        (
            "scopes_supported",
            ["openid", "profile", "email", "roles", "web-origins", "basic", "acr", "service_account", "offline_access"]
        ),
        ("request_parameter_supported", true), ("request_uri_parameter_supported", true),
        ("require_request_uri_registration", true), ("code_challenge_methods_supported", ["plain", "S256"]),
        ("tls_client_certificate_bound_access_tokens", true),
        (
            "dpop_signing_alg_values_supported",
            ["PS384", "RS384", "EdDSA", "ES384", "ES256", "RS256", "ES512", "PS256", "PS512", "RS512"]
        ),
        ("revocation_endpoint_auth_methods_supported", clientAuthentication),
        ("revocation_endpoint_auth_signing_alg_values_supported", signatures),
        ("backchannel_logout_supported", true), ("backchannel_logout_session_supported", true),
        ("backchannel_token_delivery_modes_supported", ["poll", "ping"]),
        ("backchannel_authentication_request_signing_alg_values_supported", signatures),
        ("require_pushed_authorization_requests", false), ("authorization_response_iss_parameter_supported", true),
    ]

    /// `/protocol/openid-connect/certs`.
    func certificates() -> Response {
        var response = Response.json(state.keys.keySet.encoded())
        response.fields["cache-control"] = "no-cache"
        if request.head.value(of: .accept) == "application/jwk-set+json" {
            response.setContentType("application/jwk-set+json")
        }
        return response
    }

    /// `/realms/{realm}`.
    func realmInformation() -> Response {
        let base = "\(origin)/realms/\(RealmSeed.realm)"
        let info = state.keys.signer("RS256").flatMap { try? $0.key.publicKeyInfo() } ?? []
        let document: JSONValue = [
            "realm": .string(RealmSeed.realm), "public_key": .string(Base64.encode(info)),
            "token-service": .string("\(base)/protocol/openid-connect"), "account-service": .string("\(base)/account"),
            "tokens-not-before": 0,
        ]
        var response = Response.json(document.encoded())
        response.setContentType("application/json;charset=UTF-8")
        response.fields["cache-control"] = "no-cache"
        return response
    }
}

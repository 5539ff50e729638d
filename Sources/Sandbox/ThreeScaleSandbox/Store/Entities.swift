/// The tables of the imitated tenant. Members are 3scale's, so that an expert recognises them.
package struct ServiceRecord: Sendable {
    package let id: Int
    package var name: String
    package var systemName: String
    package var description: String?
    /// `1`, `2`, `oidc` or `oauth`.
    package var backendVersion: String
    package var mandatoryAppKey = true
    /// `incomplete`, `published` or `hidden`.
    package var state = "incomplete"
    package var endpoint: String
    package var stagingEndpoint = ""
    package var credentialsLocation = "query"
    package var authUserKey = "user_key"
    package var authAppID = "app_id"
    package var authAppKey = "app_key"
    package var apiBackend: String?
    package var issuerEndpoint: String?
    package var hasServiceAccounts = false
    /// An id once the OpenID Connect flows were stored.
    package var flowsID: Int?
    /// Shared by the gateway with the upstream.
    package var secretToken = "Shared_secret_sent_from_proxy_to_API_backend_\(RandomText.hex(8))"
    /// The service's own credential at the gateway's backend.
    package var serviceToken = RandomText.hex(32)
    /// What a gateway counts, in order; a call that no rule matches is refused.
    package var rules: [MappingRule] = []
    package var texts = GatewayTexts()
    /// Configurations that were deployed; a service without one is in no bulk list of that environment.
    package var staging: [ConfigRecord] = []
    package var production: [ConfigRecord] = []
    package var lockVersion = 1
    package let createdAt: Int
    package var updatedAt: Int
}

/// A mapping rule: which calls a gateway lets through, and what they count.
package struct MappingRule: Sendable {
    package let id: Int
    package var method: String
    /// A path that calls begin with; `{name}` stands for one segment, `$` for the end.
    package var pattern: String
    /// The system name of what is counted.
    package var metric: String
    package var delta = 1

    package init(id: Int, method: String, pattern: String, metric: String, delta: Int = 1) {
        self.id = id
        self.method = method
        self.pattern = pattern
        self.metric = metric
        self.delta = delta
    }
}

/// One of the gateway's refusals, as the proxy of a service sets it.
package struct GatewayText: Sendable {
    package var status: Int
    package var text: String
    package var type = "text/plain; charset=us-ascii"
}

/// The gateway's refusals, with 3scale's defaults.
package struct GatewayTexts: Sendable {
    package var authFailed = GatewayText(status: 403, text: "Authentication failed")
    package var authMissing = GatewayText(status: 403, text: "Authentication parameters missing")
    package var noMatch = GatewayText(status: 404, text: "No Mapping Rule matched")
    package var limitsExceeded = GatewayText(status: 429, text: "Usage limit exceeded")

}

/// A deployed configuration; its content is that of the service now.
package struct ConfigRecord: Sendable {
    package let id: Int
    /// By `deploy`, not by a change of the proxy: the members of 3scale's document then stand in another order.
    var isDeployed = false
}

/// An application, service or account plan.
package struct PlanRecord: Sendable {
    package enum Kind: String, Sendable {
        case application = "application_plan", service = "service_plan", account = "account_plan"
    }

    package let id: Int
    package let kind: Kind
    /// Nil for an account plan.
    package let serviceID: Int?
    package var name: String
    package var systemName: String
    package var isPublished: Bool
    package var isDefault: Bool
    package var isCustom: Bool
    package var needsApproval: Bool
    /// The plan that a custom one was copied from.
    package var originalID: Int?
    package var costPerMonth = 0.0
    package var setupFee = 0.0
    /// Nil where it was never set.
    package var trialDays: Int?
    package let createdAt: Int
    package var updatedAt: Int
}

package struct MetricRecord: Sendable {
    package let id: Int
    package let serviceID: Int
    package let parentID: Int?
    package var systemName: String
    package var friendlyName: String
    package var description: String?
    package var unit = "hit"
    package let createdAt: Int
}

package struct LimitRecord: Sendable {
    package let id: Int
    package let planID: Int
    package let metricID: Int
    package var period: String
    package var value: Int
    package let createdAt: Int
}

package struct AccountRecord: Sendable {
    static let states: Set = ["created", "pending", "approved", "rejected", "suspended", "scheduled_for_deletion"]

    package let id: Int
    package var orgName: String
    package var state: String
    package var planID: Int
    package var annotations: [String: String] = [:]
    package let createdAt: Int
    package var updatedAt: Int
}

package struct UserRecord: Sendable {
    package let id: Int
    package let accountID: Int
    package var username: String
    package var email: String?
    package var role: String
    package var state: String
    package let createdAt: Int
    package var updatedAt: Int
}

package struct SubscriptionRecord: Sendable {
    package let id: Int
    package let accountID: Int
    package let serviceID: Int
    package var planID: Int
    package var state: String
    package let createdAt: Int
}

package struct ApplicationRecord: Sendable {
    package let id: Int
    package let accountID: Int
    package let serviceID: Int
    package var planID: Int
    package var state: String
    package var name: String?
    package var description: String?
    package var userKey: String
    package let applicationID: String
    package let verificationKey: String
    package var redirectURL: String?
    package var keys: [AppKeyRecord] = []
    package let createdAt: Int
    package var updatedAt: Int
}

package struct AppKeyRecord: Sendable {
    package let value: String
    package let createdAt: Int
    /// A clock that is not moved; nil for a key of its application's create.
    var bornMilliseconds: Int?
}

/// A credential of the admin API.
package struct AccessTokenRecord: Sendable {
    package let value: String
    package var scopes: Set<String>
    package var isReadOnly: Bool
    /// Its owner is no admin of the tenant.
    package var isMember: Bool
    package var expiresAt: Int?
    /// The services its owner sees; nil for all.
    package var services: Set<Int>?

    package init(
        value: String, scopes: Set<String> = ["account_management", "stats"], isReadOnly: Bool = false,
        isMember: Bool = false, expiresAt: Int? = nil, services: Set<Int>? = nil
    ) {
        self.value = value
        self.scopes = scopes
        self.isReadOnly = isReadOnly
        self.isMember = isMember
        self.expiresAt = expiresAt
        self.services = services
    }
}

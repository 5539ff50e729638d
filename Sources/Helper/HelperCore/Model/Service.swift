/// A model API of the catalogue.
package struct Service: Sendable, Equatable {
    package let id: Int
    package let name: String
    package let systemName: String
    package let description: String?
    package let authentication: AuthenticationMethod
    /// The production endpoint without a default port; nil when 3scale knows none.
    package let proxyEndpoint: String?
    package let placement: CredentialsPlacement
    /// The words in which its gateway refuses.
    package let gatewayTexts: GatewayTexts
    /// Ascending by id.
    package let plans: [Plan]
    /// False when its proxy could not be read and was never known: endpoint and placement are then missing, and no key is made.
    package let isComplete: Bool

    package init(
        id: Int, name: String, systemName: String, description: String?, authentication: AuthenticationMethod,
        proxyEndpoint: String?, placement: CredentialsPlacement, gatewayTexts: GatewayTexts = .standard, plans: [Plan],
        isComplete: Bool = true
    ) {
        self.isComplete = isComplete
        self.id = id
        self.name = name
        self.systemName = systemName
        self.description = description
        self.authentication = authentication
        self.proxyEndpoint = proxyEndpoint
        self.placement = placement
        self.gatewayTexts = gatewayTexts
        self.plans = plans.sorted { $0.id < $1.id }
    }

    /// This service with the proxy of an earlier form of it, where its own could not be read.
    func completed(by earlier: Service?) -> Service {
        guard !isComplete, let earlier, earlier.isComplete, earlier.authentication == authentication else {
            return self
        }
        return Service(
            id: id, name: name, systemName: systemName, description: description, authentication: authentication,
            proxyEndpoint: earlier.proxyEndpoint, placement: earlier.placement, gatewayTexts: earlier.gatewayTexts,
            plans: plans)
    }
}

/// What the gateway asks of a request to a model API.
package enum AuthenticationMethod: String, Sendable {
    case apiKey = "api_key"
    case appIDAndKey = "app_id_and_key"
    case oidc
}

/// Where a request to a model API carries its credentials.
package struct CredentialsPlacement: Sendable, Equatable {
    /// The raw value is 3scale's name, and ours.
    package enum Location: String, Sendable { case headers, query, authorization }

    package let location: Location
    /// The header or query parameter of the key.
    package let parameter: String
    /// The header or query parameter of the application's id, where there are two.
    package let idParameter: String?

    package init(location: Location, parameter: String, idParameter: String?) {
        self.location = location
        self.parameter = parameter
        self.idParameter = idParameter
    }
}

/// An application plan.
package struct Plan: Sendable, Equatable {
    package let id: Int
    package let name: String
    package let systemName: String?
    package let isPublished: Bool
    package let isDefault: Bool
    /// Made for one application: never offered.
    package let isCustom: Bool
    package let needsApproval: Bool

    package init(
        id: Int, name: String, systemName: String?, isPublished: Bool, isDefault: Bool, isCustom: Bool,
        needsApproval: Bool
    ) {
        self.id = id
        self.name = name
        self.systemName = systemName
        self.isPublished = isPublished
        self.isDefault = isDefault
        self.isCustom = isCustom
        self.needsApproval = needsApproval
    }

    /// A caller may ask for it: published, or what the operator chose as default.
    package var isOffered: Bool { !isCustom && (isPublished || isDefault) }
}

/// What a plan allows of a metric.
package struct PlanLimit: Sendable, Equatable {
    /// The metric's system name.
    package let metric: String
    /// `minute` to `eternity`.
    package let period: String
    package let value: Int

    package init(metric: String, period: String, value: Int) {
        self.metric = metric
        self.period = period
        self.value = value
    }
}

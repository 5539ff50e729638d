/// Who may use the API, and who sees which service.
package struct AccessPolicy: Sendable, Equatable {
    /// A realm or client role; nil lets everybody with a valid token in.
    package let requiredRole: ExactName?
    /// Service system names that only callers with one of the roles see.
    package let serviceRoles: [String: Set<ExactName>]

    package init(requiredRole: ExactName? = nil, serviceRoles: [String: Set<ExactName>] = [:]) {
        self.requiredRole = requiredRole
        self.serviceRoles = serviceRoles
    }

    /// Whether there is a service that not everybody sees.
    package var hidesServices: Bool { !serviceRoles.isEmpty }

    /// Client roles count for our own client only: a role of the same name at another client means nothing here.
    package func admits(_ caller: Caller, clientID: String) -> Bool {
        guard let requiredRole else { return true }
        return Self.roles(of: caller, clientID).contains(requiredRole)
    }

    package func shows(_ service: Service, to caller: Caller, clientID: String) -> Bool {
        guard let wanted = serviceRoles[service.systemName] else { return true }
        return !wanted.isDisjoint(with: Self.roles(of: caller, clientID))
    }

    private static func roles(of caller: Caller, _ clientID: String) -> Set<ExactName> {
        caller.realmRoles.union(caller.clientRoles[clientID] ?? [])
    }
}

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

    /// Every role that decides anything.
    package var roles: Set<ExactName> {
        serviceRoles.values.reduce(Set([requiredRole].compactMap(\.self))) { $0.union($1) }
    }

    /// Whether there is a service that not everybody sees.
    package var hidesServices: Bool { !serviceRoles.isEmpty }

    package func admits(_ caller: Caller) -> Bool {
        guard let requiredRole else { return true }
        return caller.roles.contains(requiredRole)
    }

    package func shows(_ service: Service, to caller: Caller) -> Bool {
        guard let wanted = serviceRoles[service.systemName] else { return true }
        return !wanted.isDisjoint(with: caller.roles)
    }
}

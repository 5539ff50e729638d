/// Who may use the API, and who sees which service.
package struct AccessPolicy: Sendable, Equatable {
    /// What becomes of a service that no rule names.
    package enum DefaultAccess: String, Sendable, CaseIterable {
        /// Everybody sees it.
        case allow
        /// It is hidden from everybody.
        case deny
    }

    /// A realm or client role; nil lets everybody with a valid token in.
    package let requiredRole: ExactName?
    /// Service system names that only callers with one of the roles see.
    package let serviceRoles: [String: Set<ExactName>]
    package let defaultAccess: DefaultAccess

    package init(
        requiredRole: ExactName? = nil, serviceRoles: [String: Set<ExactName>] = [:],
        defaultAccess: DefaultAccess = .allow
    ) {
        self.requiredRole = requiredRole
        self.defaultAccess = defaultAccess
        self.serviceRoles = serviceRoles
    }

    /// Every role that decides anything.
    package var roles: Set<ExactName> {
        serviceRoles.values.reduce(Set([requiredRole].compactMap(\.self))) { $0.union($1) }
    }

    /// Whether there is a service that not everybody sees.
    package var hidesServices: Bool { !serviceRoles.isEmpty || defaultAccess == .deny }

    package func admits(_ caller: Caller) -> Bool {
        guard let requiredRole else { return true }
        return caller.roles.contains(requiredRole)
    }

    package func shows(_ service: Service, to caller: Caller) -> Bool {
        guard let wanted = serviceRoles[service.systemName] else { return defaultAccess == .allow }
        return !wanted.isDisjoint(with: caller.roles)
    }

    /// Names in the rules that no service has: their rules restrict nothing.
    package func unknownServices(in catalog: Catalog) -> [String] {
        let known = Set(catalog.services.map(\.systemName))
        return serviceRoles.keys.filter { !known.contains($0) }.sorted()
    }
}

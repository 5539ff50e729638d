import HTTP
import HTTPServer
import JSON
import SandboxSupport

extension Exchange {
    private static let administratorRoles: Set<String> = ["view-users", "manage-users", "query-users"]

    /// `/admin/realms/{realm}/…`: users, groups and roles to read; users to enable and keys to add for administrators.
    mutating func admin(_ path: [String]) -> Response {
        guard let token = bearerToken, mint.read(token) != nil, !state.revokedTokens.contains(token) else {
            return Self.error(.unauthorized, "HTTP 401 Unauthorized")
        }
        let isAdministrator = state.adminTokens.contains(token)
        let roles =
            mint.read(token)?["resource_access"]?["realm-management"]?["roles"]?.array?.compactMap(\.string) ?? []
        guard isAdministrator || !Self.administratorRoles.isDisjoint(with: roles) else {
            return Self.error(.forbidden, "HTTP 403 Forbidden")
        }
        if request.method != .get {
            return isAdministrator ? adminWrite(path) : Self.error(.forbidden, "HTTP 403 Forbidden")
        }
        return adminRead(path)
    }

    private func adminRead(_ path: [String]) -> Response {
        switch path {
        case ["users"]:
            // A search by name shows more of each user than a page of all does.
            let isSearch = query["username"] != nil || query["email"] != nil
            let detail: Detail = query["briefRepresentation"] == "false" || isSearch ? .found : .brief
            return Self.adminJSON(.array(page(matchingUsers()).map { Self.json($0, detail) }))
        case ["users", "count"]: return Self.adminJSON(.int(people.count))
        case let path where path.count == 3 && path[0] == "roles" && path[2] == "users":
            return Self.adminJSON(
                .array(page(state.users.filter { $0.realmRoles.contains(path[1]) }).map { Self.json($0, .found) }))
        case let path where path.count >= 2 && path[0] == "users":
            guard let user = state.user(id: path[1]) else { return Self.error(.notFound, "User not found") }
            return adminRead(user, Array(path.dropFirst(2)))
        default: return Self.error(.notFound, "Unable to find matching target resource method")
        }
    }

    private func adminRead(_ user: RealmUser, _ path: [String]) -> Response {
        switch path {
        case []: return Self.adminJSON(Self.json(user, .full))
        case ["groups"]:
            return Self.adminJSON(
                .array(
                    user.groups.map {
                        [
                            "id": .string(Identifiers.uuid()), "name": .string(String($0.dropFirst())),
                            "path": .string($0),
                            "subGroups": [],
                        ]
                    }))
        case ["role-mappings"]:
            return Self.adminJSON(["realmMappings": .array((user.realmRoles + ["default-roles-mlaas"]).map(Self.role))])
        case ["role-mappings", "realm"]:
            return Self.adminJSON(.array((user.realmRoles + ["default-roles-mlaas"]).map(Self.role)))
        case ["role-mappings", "realm", "composite"]:
            return Self.adminJSON(.array((user.realmRoles + RealmSeed.defaultRoles).map(Self.role)))
        default: return Self.error(.notFound, "Unable to find matching target resource method")
        }
    }

    private mutating func adminWrite(_ path: [String]) -> Response {
        let body = try? JSONValue(parsing: request.body)
        switch (request.method, path) {
        case (.put, let path) where path.count == 2 && path[0] == "users":
            guard let index = state.users.firstIndex(where: { $0.id == path[1] }) else {
                return Self.error(.notFound, "User not found")
            }
            if let enabled = body?["enabled"]?.bool { state.users[index].enabled = enabled }
            return Response(status: .noContent)
        case (.post, ["components"]):
            guard let id = try? state.keys.rotate() else { return Self.error(.internalServerError, "unknown_error") }
            return Response(
                status: .created,
                fields: HTTPFields([("location", "\(origin)/admin/realms/\(RealmSeed.realm)/components/\(id)")]))
        case (.delete, let path) where path.count == 2 && path[0] == "components":
            state.keys.remove(path[1])
            return Response(status: .noContent)
        default: return Self.error(.notFound, "Unable to find matching target resource method")
        }
    }

    // MARK: Users

    /// Service accounts are not listed.
    private var people: [RealmUser] { state.users.filter { $0.serviceAccountOf == nil } }

    private func matchingUsers() -> [RealmUser] {
        let exact = query["exact"] == "true"
        func matches(_ value: String?, _ wanted: String?) -> Bool {
            guard let wanted else { return true }
            guard let value else { return false }
            return exact ? value == wanted.lowercased() : value.contains(wanted.lowercased())
        }
        return people.filter { user in
            matches(user.username, query["username"]) && matches(user.email, query["email"])
                && (query["enabled"].map { ($0 == "true") == user.enabled } ?? true)
        }
    }

    private func page(_ users: [RealmUser]) -> [RealmUser] {
        let first = query["first"].flatMap(Int.init) ?? 0
        let most = query["max"].flatMap(Int.init) ?? 100
        return Array(users.dropFirst(max(0, first)).prefix(max(0, most)))
    }

    /// How much of a user is shown.
    private enum Detail { case brief, found, full }

    private static func json(_ user: RealmUser, _ detail: Detail) -> JSONValue {
        var object = JSONObject([("id", .string(user.id)), ("username", .string(user.username))])
        if let first = user.firstName { object["firstName"] = .string(first) }
        if let last = user.lastName { object["lastName"] = .string(last) }
        if let email = user.email { object["email"] = .string(email) }
        object["emailVerified"] = .bool(user.emailVerified)
        object["enabled"] = .bool(user.enabled)
        object["createdTimestamp"] = 1_771_000_000_000
        if detail != .brief {
            object["totp"] = false
            object["disableableCredentialTypes"] = []
            object["requiredActions"] = []
            object["notBefore"] = 0
        }
        switch detail {
        case .brief, .found: object["access"] = ["manage": false]
        case .full:
            object["access"] = [
                "manageGroupMembership": false, "resetPassword": false, "view": true, "mapRoles": false,
                "impersonate": false, "manage": false,
            ]
        }
        return .object(object)
    }

    private static func role(_ name: String) -> JSONValue {
        [
            "id": .string(Identifiers.uuid()), "name": .string(name), "description": .string("role \(name)"),
            "composite": .bool(name.hasPrefix("default-roles")), "clientRole": false,
            "containerId": .string(RealmSeed.realm),
        ]
    }

    private static func adminJSON(_ value: JSONValue) -> Response {
        var response = Response.json(value.encoded())
        response.setContentType("application/json;charset=UTF-8")
        response.fields["cache-control"] = "no-cache"
        return response
    }
}

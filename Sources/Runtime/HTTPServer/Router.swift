package import HTTP

/// One line of the routing table.
package struct Route<Handler: Sendable>: Sendable {
    package let method: HTTPMethod
    /// `/literal/{parameter}` segments; the route's name in logs and metrics.
    package let template: String
    package let handler: Handler

    package init(_ method: HTTPMethod, _ template: String, _ handler: Handler) {
        self.method = method
        self.template = template
        self.handler = handler
    }
}

/// Finds the route of a request. Built once from one list, checked then, immutable afterwards and shared by all loops.
package struct Router<Handler: Sendable>: Sendable {
    package enum Match: Sendable {
        /// - parameters: the segments that stand for `{…}` in order, percent-decoded.
        case found(Route<Handler>, parameters: [String])
        /// The path exists; `allow` is the value of the `Allow` field (RFC 9110 §10.2.1).
        case methodNotAllowed(template: String, allow: String)
        case notFound
    }

    private struct Resource: Sendable {
        let template: String
        let segments: [Segment]
        var routes: [Route<Handler>]
        var allow: String
    }

    private enum Segment: Sendable, Equatable {
        case literal([UInt8])
        case parameter
    }

    private var resources: [Resource] = []

    /// Traps on a malformed or repeated route: the table is ours.
    package init(_ routes: [Route<Handler>]) {
        for route in routes {
            precondition(route.template.hasPrefix("/"), "Invalid route: \(route.template)")
            let segments = route.template.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
                $0.hasPrefix("{") && $0.hasSuffix("}") ? Segment.parameter : .literal(Array($0.utf8))
            }
            if let index = resources.firstIndex(where: { $0.segments == segments }) {
                precondition(
                    resources[index].template == route.template
                        && !resources[index].routes.contains { $0.method == route.method },
                    "Invalid route: \(route.template) is there twice")
                resources[index].routes.append(route)
            } else {
                resources.append(Resource(template: route.template, segments: segments, routes: [route], allow: ""))
            }
        }
        for index in resources.indices {
            var methods = resources[index].routes.map(\.method.rawValue)
            if methods.contains("GET") { methods.append("HEAD") }
            resources[index].allow = Set(methods + ["OPTIONS"]).sorted().joined(separator: ", ")
        }
    }

    /// HEAD is answered by the GET route (RFC 9110 §9.3.2). A literal segment is preferred to a parameter.
    package func match(_ method: HTTPMethod, path: ArraySlice<UInt8>) -> Match {
        var best: (resource: Resource, parameters: [String])?
        for resource in resources {
            guard let parameters = parameters(of: resource.segments, in: path) else { continue }
            if parameters.isEmpty {
                best = (resource, [])
                break
            }
            if best == nil { best = (resource, parameters) }
        }
        guard let best else { return .notFound }
        let wanted = method == .head ? .get : method
        guard let route = best.resource.routes.first(where: { $0.method == wanted || $0.method == method }) else {
            return .methodNotAllowed(template: best.resource.template, allow: best.resource.allow)
        }
        return .found(route, parameters: best.parameters)
    }

    /// Nil when the path does not fit.
    private func parameters(of segments: [Segment], in path: ArraySlice<UInt8>) -> [String]? {
        guard path.first == 0x2F else { return nil }
        var rest = path.dropFirst()
        var parameters: [String] = []
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            let end = rest.firstIndex(of: 0x2F) ?? rest.endIndex
            guard isLast == (end == rest.endIndex) else { return nil }
            let part = rest[rest.startIndex..<end]
            switch segment {
            case .literal(let bytes): if !part.elementsEqual(bytes) { return nil }
            case .parameter:
                guard !part.isEmpty, let decoded = PercentEncoding.decode(part) else { return nil }
                parameters.append(decoded)
            }
            rest = isLast ? [] : rest[(end + 1)...]
        }
        return parameters
    }
}

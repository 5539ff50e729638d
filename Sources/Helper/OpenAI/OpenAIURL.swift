/// Where a service serves OpenAI's API.
package enum OpenAIURL {
    /// Returns the URL below which the API's paths stand: the endpoint with `/v1`, which some endpoints end in already.
    package static func base(of endpoint: String) -> String {
        let slash = UInt8(ascii: "/")
        var bytes = endpoint.utf8[...]
        while bytes.last == slash { bytes.removeLast() }
        let base = String(Substring(bytes))
        return bytes.suffix(3).elementsEqual("/v1".utf8) ? base : base + "/v1"
    }
}

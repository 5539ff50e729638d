/// Every target, a line each; `scripts/fuzz.sh` asks for their names.
let allTargets: [any FuzzTarget.Type] = [
    RequestMachineTarget.self,
    ChunkedBodyTarget.self,
    RequestTargetTarget.self,
    PercentEncodingTarget.self,
    JSONTarget.self,
    RESPTarget.self,
    TokenTarget.self,
    TokenClaimsTarget.self,
    KeySetTarget.self,
    AccountXMLTarget.self,
    ForeignNumberTarget.self,
]

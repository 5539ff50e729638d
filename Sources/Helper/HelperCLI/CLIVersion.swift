/// What this build is.
package enum CLIVersion {
    package static let number = "0.1.0"
}

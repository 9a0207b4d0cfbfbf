using Postern.Gateway.Configuration;
using Postern.Protocols;

namespace Postern.Cli.Setup;

/// <summary>What to do next when a target does not answer as it should.</summary>
internal static class TargetAdvice
{
    /// <summary>One sentence: lower case, no full stop. Empty when all is well.</summary>
    public static string For(ConnectionOptions connection, TargetAnswer answer) => (answer.State, connection) switch
    {
        (TargetState.Good, _) => "",
        (TargetState.Unreachable, { Stdio: { } stdio }) => $"run `{stdio.Command}` with its arguments by hand in `{stdio.Folder}` and see what it says; a gateway gives it `PATH`, `HOME` and what stands in `stdio.environment`, and nothing else",
        (TargetState.Unreachable, _) => $"see that `{connection.Url}` is right, that the target runs, and that this machine may reach it",
        (TargetState.Untrusted, _) => "name the authority that signed its certificate in `tls.ca`, and see that the URL has the certificate's name",
        (TargetState.Refused, { Postgres: not null }) => "see that `credential.user` and its password are right, and that the server lets this machine in (`pg_hba.conf`)",
        (TargetState.Refused, { Credential: null }) => "give it a credential: `credential: { valueFile: … }` with the header's whole value in the file, such as `Bearer …`",
        (TargetState.Refused, { Credential: { Header: "Authorization", Value: var value } }) when !value.Contains(' ') => "the credential has no scheme in front: the file must hold the header's whole value, such as `Bearer …`",
        (TargetState.Refused, _) => "see that the credential is the target's, and not over",
        (_, { Stdio: not null }) => "see that the program is an MCP server that speaks over stdin and stdout, and writes nothing else there",
        (_, { Protocol: "mcp" }) => "see that the URL's path is the MCP endpoint, often `/mcp`; for an API that is no MCP server the protocol is `http`",
        _ => $"see that what answers at `{connection.Url}` speaks `{connection.Protocol}`",
    };
}

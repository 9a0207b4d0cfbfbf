namespace Postern.Protocols.Mcp.Wire;

/// <summary>Error codes that the gateway itself answers with.</summary>
internal static class JsonRpcCodes
{
    public const int ParseError = -32700;
    public const int InvalidRequest = -32600;
    public const int MethodNotFound = -32601;
    public const int InvalidParams = -32602;

    /// <summary>MCP 2026-07-28: a header and the body say different things.</summary>
    public const int HeaderMismatch = -32020;

    /// <summary>MCP 2026-07-28: a protocol version that is not served.</summary>
    public const int UnsupportedVersion = -32022;

    // Own codes stand outside -32768..-32000, which JSON-RPC and MCP reserve for themselves.

    /// <summary>Refused by policy, or by people.</summary>
    public const int Denied = 40300;

    /// <summary>People are asked; repeat the identical request once they agreed.</summary>
    public const int Held = 40301;

    /// <summary>The target or the gateway cannot serve at the moment.</summary>
    public const int Unavailable = 50300;

    /// <summary>The credential is missing, wrong or over.</summary>
    public const int Unauthenticated = 40100;

    /// <summary>The origin or host is not served.</summary>
    public const int OriginRefused = 40302;

    /// <summary>The session is over or was never this caller's.</summary>
    public const int SessionUnknown = 40400;

    /// <summary>The request is over a size limit.</summary>
    public const int TooLarge = 41300;
}

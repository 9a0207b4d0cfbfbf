using System.Collections.Immutable;

namespace Postern.Protocols.Postgres.Wire;

/// <summary>What becomes of a message.</summary>
internal enum Handling
{
    /// <summary>Nobody knows it: the connection is closed.</summary>
    Unknown,

    /// <summary>Part of what a policy decides before any of it is forwarded.</summary>
    Judged,

    /// <summary>Holds values, and passes after masks.</summary>
    Masked,

    /// <summary>Passes as it stands: it is checked to hold nothing that anybody chose.</summary>
    DataFree,

    /// <summary>Ends at the gateway, which speaks for itself in its place.</summary>
    Own,

    /// <summary>Not carried: a caller is told so, a server's connection is cut.</summary>
    Refused,

    /// <summary>Read and thrown away.</summary>
    Dropped,
}

/// <summary>One row of the table.</summary>
/// <param name="Name">The message as the protocol's documentation calls it.</param>
/// <param name="Handling">What becomes of it.</param>
/// <param name="Longest">Most bytes of the message, its type aside, that are read; 0 where the length is not of interest.</param>
/// <param name="Why">In a few words.</param>
internal sealed record MessageRule(string Name, Handling Handling, int Longest, string Why);

/// <summary>
/// Every message type of PostgreSQL's protocol 3.0, both directions, and what becomes of it (PostgreSQL documentation, chapter
/// "Message Formats"). A type that is not here is unknown, and nothing unknown passes. Startup, SSLRequest, GSSENCRequest and
/// CancelRequest have no type and are read by <see cref="Startup"/>.
/// </summary>
internal static class MessageTable
{
    /// <summary>Bytes of one judged unit: everything up to Sync, Flush or a Query.</summary>
    public const int LongestUnit = 1024 * 1024;

    /// <summary>Messages of one judged unit.</summary>
    public const int MostMessages = 1_000;

    /// <summary>The longest row, error or notice of a server that is carried; it is masked whole, so it is held whole.</summary>
    public const int LongestReply = 16 * 1024 * 1024;

    // A name is at most 63 bytes for the server; two longer ones could be one and the same there (attack Q08).
    private const int LongestNamed = 4 + 1 + 64 + 4;

    /// <summary>What clients send, after the startup.</summary>
    public static ImmutableArray<(char Type, MessageRule Rule)> FromClients { get; } =
    [
        ('Q', new("Query", Handling.Judged, LongestUnit, "every statement of the text is judged")),
        ('P', new("Parse", Handling.Judged, LongestUnit, "its text is judged, its name stands for that text")),
        ('B', new("Bind", Handling.Judged, LongestUnit, "its values are judged with the text that its statement's name stands for")),
        ('E', new("Execute", Handling.Judged, LongestNamed, "runs a portal that was judged; a row limit is refused")),
        ('D', new("Describe", Handling.DataFree, LongestNamed, "names what was judged; its answer is masked")),
        ('C', new("Close", Handling.DataFree, LongestNamed, "forgets a name")),
        ('S', new("Sync", Handling.DataFree, 4, "ends a unit")),
        ('H', new("Flush", Handling.DataFree, 4, "ends a unit, without the end of its transaction")),
        ('X', new("Terminate", Handling.Own, 4, "ends the session")),
        ('F', new("FunctionCall", Handling.Refused, LongestUnit, "a call that no statement shows")),
        ('d', new("CopyData", Handling.Refused, LongestUnit, "COPY is not carried yet")),
        ('c', new("CopyDone", Handling.Refused, 4, "COPY is not carried yet")),
        ('f', new("CopyFail", Handling.Refused, LongestUnit, "COPY is not carried yet")),
        ('p', new("PasswordMessage", Handling.Own, 64 * 1024, "read once, when the gateway asks for it; never again")),
    ];

    /// <summary>What servers send.</summary>
    public static ImmutableArray<(char Type, MessageRule Rule)> FromServers { get; } =
    [
        ('D', new("DataRow", Handling.Masked, LongestReply, "values, by column and by detector")),
        ('T', new("RowDescription", Handling.Masked, LongestReply, "names of columns are values too; the masks of the rows are made from it")),
        ('E', new("ErrorResponse", Handling.Masked, LongestReply, "its texts quote values")),
        ('N', new("NoticeResponse", Handling.Masked, LongestReply, "its texts quote values")),
        ('C', new("CommandComplete", Handling.DataFree, 256, "a tag of words and counts, checked")),
        ('Z', new("ReadyForQuery", Handling.DataFree, 5, "the state of the transaction, checked")),
        ('1', new("ParseComplete", Handling.DataFree, 4, "empty")),
        ('2', new("BindComplete", Handling.DataFree, 4, "empty")),
        ('3', new("CloseComplete", Handling.DataFree, 4, "empty")),
        ('n', new("NoData", Handling.DataFree, 4, "empty")),
        ('I', new("EmptyQueryResponse", Handling.DataFree, 4, "empty")),
        ('t', new("ParameterDescription", Handling.DataFree, LongestUnit, "numbers of types, counted")),
        ('S', new("ParameterStatus", Handling.Masked, 64 * 1024, "from a fixed list, with values that are checked; the rest is dropped")),
        ('K', new("BackendKeyData", Handling.Own, 4 + 4 + 256, "the gateway gives keys of its own")),
        ('R', new("AuthenticationRequest", Handling.Own, 64 * 1024, "the gateway signs in with its own credential")),
        ('v', new("NegotiateProtocolVersion", Handling.Refused, 0, "the gateway asks for 3.0 and nothing else")),
        ('A', new("NotificationResponse", Handling.Dropped, LongestReply, "a way between sessions that nobody judged")),
        ('s', new("PortalSuspended", Handling.Refused, 0, "no row limit was sent")),
        ('G', new("CopyInResponse", Handling.Refused, 0, "COPY is not carried yet")),
        ('H', new("CopyOutResponse", Handling.Refused, 0, "COPY is not carried yet")),
        ('W', new("CopyBothResponse", Handling.Refused, 0, "replication is not carried")),
        ('d', new("CopyData", Handling.Refused, 0, "COPY is not carried yet")),
        ('c', new("CopyDone", Handling.Refused, 0, "COPY is not carried yet")),
        ('V', new("FunctionCallResponse", Handling.Refused, 0, "no such call was sent")),
    ];

    private static readonly MessageRule _unknown = new("(unknown)", Handling.Unknown, 0, "not in the table");
    private static readonly MessageRule[] _fromClients = Index(FromClients);
    private static readonly MessageRule[] _fromServers = Index(FromServers);

    /// <summary>The rule for a client's message.</summary>
    public static MessageRule OfClient(byte type) => _fromClients[type];

    /// <summary>The rule for a server's message.</summary>
    public static MessageRule OfServer(byte type) => _fromServers[type];

    private static MessageRule[] Index(ImmutableArray<(char Type, MessageRule Rule)> rows)
    {
        var index = new MessageRule[256];
        Array.Fill(index, _unknown);
        foreach (var (type, rule) in rows) index[type] = rule;
        return index;
    }
}

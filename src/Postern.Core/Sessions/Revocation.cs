using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Sessions;

/// <summary>What a revocation speaks of. Each is something that a verified credential says of itself.</summary>
public enum RevocationOf
{
    /// <summary>A person or a workload: <c>issuer:subject</c>.</summary>
    Identity,

    /// <summary>Everybody whose credential names the group: <c>issuer:group</c>.</summary>
    Group,

    /// <summary>Every credential that an OAuth client holds: <c>issuer:client</c>.</summary>
    Agent,

    /// <summary>A session at the issuer (<c>sid</c>).</summary>
    Session,

    /// <summary>One token (<c>jti</c>).</summary>
    Token,

    /// <summary>Every token that descends from one sign-in at a client (a family of refresh tokens).</summary>
    Family,

    /// <summary>
    /// Credentials of a person that name no session: when the issuer ends one of the person's sessions, these cannot be told apart from those of it.
    /// </summary>
    Sessionless,
}

/// <summary>Whose credentials: a kind, the issuer's configured name and the value as the issuer writes it.</summary>
public readonly record struct RevocationSubject(RevocationOf Of, string Issuer, string Value)
{
    /// <summary>The words of <see cref="Of"/>, in its order: in the record, the API and commands.</summary>
    public static ImmutableArray<string> Words { get; } = ["identity", "group", "agent", "session", "token", "family", "sessionless"];

    /// <summary>The word of <see cref="Of"/>.</summary>
    public string Word => Words[(int)Of];

    /// <summary><c>issuer:value</c>.</summary>
    public string Key => $"{Issuer}:{Value}";

    /// <summary>An identity by its key.</summary>
    public static RevocationSubject OfIdentity(string identityKey) => TryParse(RevocationOf.Identity, identityKey) ?? throw new ArgumentException("expected `issuer:subject`", nameof(identityKey));

    /// <summary>Reads <c>issuer:value</c>; null when it is not written so. Names of issuers hold no colon, values may.</summary>
    public static RevocationSubject? TryParse(RevocationOf of, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon <= 0 || colon + 1 == text.Length ? null : new RevocationSubject(of, text[..colon], text[(colon + 1)..]);
    }

    /// <summary>Whether a credential is one of those spoken of, whenever it was issued.</summary>
    public bool IsOf(Identity identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        return string.Equals(identity.Issuer, Issuer, StringComparison.Ordinal) && Of switch
        {
            RevocationOf.Identity => string.Equals(identity.Subject, Value, StringComparison.Ordinal),
            RevocationOf.Group => identity.Groups.Contains(Value, StringComparer.Ordinal),
            RevocationOf.Agent => string.Equals(identity.Agent, Value, StringComparison.Ordinal),
            RevocationOf.Session => string.Equals(identity.SessionId, Value, StringComparison.Ordinal),
            RevocationOf.Token => string.Equals(identity.TokenId, Value, StringComparison.Ordinal),
            RevocationOf.Family => string.Equals(identity.Family, Value, StringComparison.Ordinal),
            RevocationOf.Sessionless => identity.SessionId is null && string.Equals(identity.Subject, Value, StringComparison.Ordinal),
            _ => false,
        };
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Word} {Key}";
}

/// <summary>Credentials that no longer count, and until when that is remembered. Immutable.</summary>
/// <param name="Subject">Whose.</param>
/// <param name="At">When it was said.</param>
/// <param name="IssuedUntil">Credentials issued up to this instant are over; <see cref="DateTimeOffset.MaxValue"/> for all, whenever issued.</param>
/// <param name="KeptUntil">Nothing that it speaks of can live longer; <see cref="DateTimeOffset.MaxValue"/> until somebody restores it.</param>
public sealed record Revocation(RevocationSubject Subject, DateTimeOffset At, DateTimeOffset IssuedUntil, DateTimeOffset KeptUntil)
{
    /// <summary>Where it came from: <c>command</c>, <c>logout</c>, <c>scim</c>, <c>introspection</c>, <c>family</c>, <c>self</c>.</summary>
    public string Source { get; init; } = "command";

    /// <summary>Who said it, for people.</summary>
    public string By { get; init; } = "";

    /// <summary>Why, for people.</summary>
    public string Reason { get; init; } = "";

    /// <summary>True when nothing issued later counts either.</summary>
    public bool IsBlock => IssuedUntil == DateTimeOffset.MaxValue && KeptUntil == DateTimeOffset.MaxValue;

    /// <summary>
    /// Ends what was issued until now; for what names one session, token or family it ends that for good: a refresh at an issuer that
    /// goes on renewing what it ended must not bring it back.
    /// </summary>
    /// <param name="subject">Whose.</param>
    /// <param name="now">When.</param>
    /// <param name="longestLife">How long a credential can live at most.</param>
    public static Revocation Now(RevocationSubject subject, DateTimeOffset now, TimeSpan longestLife) =>
        new(subject, now, subject.Of is RevocationOf.Session or RevocationOf.Token or RevocationOf.Family ? DateTimeOffset.MaxValue : now, now + longestLife);

    /// <summary>Ends what was issued and what will be, until it is restored.</summary>
    public static Revocation Block(RevocationSubject subject, DateTimeOffset now) => new(subject, now, DateTimeOffset.MaxValue, DateTimeOffset.MaxValue);

    /// <summary>Both together: whatever either ends.</summary>
    public Revocation And(Revocation other)
    {
        ArgumentNullException.ThrowIfNull(other);
        // What somebody blocked by hand is restored by hand: no directory that says the same undoes it later.
        var newer = IsBlock && Source == "command" ? this with { At = other.At >= At ? other.At : At } : other.At >= At ? other : this;
        var reason = newer.Reason.Length > 0 ? newer.Reason : ReferenceEquals(newer, other) ? Reason : other.Reason;
        return newer with { Reason = reason, IssuedUntil = IssuedUntil > other.IssuedUntil ? IssuedUntil : other.IssuedUntil, KeptUntil = KeptUntil > other.KeptUntil ? KeptUntil : other.KeptUntil };
    }
}

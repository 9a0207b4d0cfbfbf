namespace Postern.Core.Grants;

/// <summary>What somebody asks for.</summary>
/// <param name="Entry">The entry under <c>requests:</c>.</param>
/// <param name="For">How long; null for the entry's own default.</param>
/// <param name="Reason">Why; people read it before they answer.</param>
/// <param name="Agent">The agent that is to use it, unqualified; null for credentials that no agent holds.</param>
public sealed record GrantAsk(string Entry, TimeSpan? For, string Reason, string? Agent);

/// <summary>What became of asking.</summary>
public abstract class GrantAnswer
{
    private GrantAnswer()
    {
    }

    /// <summary>There is no such entry, or it is not for this identity.</summary>
    public sealed class NotFound : GrantAnswer
    {
        internal static readonly NotFound Instance = new();
    }

    /// <summary>It cannot be asked for like this.</summary>
    public sealed class Invalid : GrantAnswer
    {
        internal Invalid(string complaint) => Complaint = complaint;

        /// <summary>What is wrong, and what to do.</summary>
        public string Complaint { get; }
    }

    /// <summary>Nobody is asked for it, so only a person who signed in just now, in a browser, may take it.</summary>
    public sealed class NotFresh : GrantAnswer
    {
        internal static readonly NotFresh Instance = new();
    }

    /// <summary>People are asked, or were already by an identical request.</summary>
    public sealed class Asked : GrantAnswer
    {
        internal Asked(Grant grant) => Grant = grant;

        /// <summary>The grant that may come of it.</summary>
        public Grant Grant { get; }
    }

    /// <summary>It is in force: nobody had to be asked.</summary>
    public sealed class Given : GrantAnswer
    {
        internal Given(Grant grant) => Grant = grant;

        /// <summary>The grant.</summary>
        public Grant Grant { get; }
    }
}

/// <summary>What became of taking a grant back.</summary>
public enum GrantRevocation
{
    /// <summary>It is over, and what ran on it was cut.</summary>
    Revoked,

    /// <summary>There is no such grant, or this identity may not know of it.</summary>
    NotFound,

    /// <summary>It is somebody else's: that needs a person who signed in just now, in a browser.</summary>
    NotFresh,

    /// <summary>It was over before.</summary>
    Over,
}

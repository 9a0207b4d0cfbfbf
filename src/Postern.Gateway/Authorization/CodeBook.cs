using System.Diagnostics.CodeAnalysis;
using System.Text;
using Postern.Core.Operations;

namespace Postern.Gateway.Authorization;

/// <summary>What a person agreed to; one code stands for it.</summary>
/// <param name="Request">What was asked, and by whom.</param>
/// <param name="Person">Who signed in.</param>
/// <param name="IssuerToken">What renews the sign-in at the issuer, or null; secret.</param>
internal sealed record Agreement(AuthorizeRequest Request, Identity Person, string? IssuerToken)
{
    /// <summary>The family that it will begin. Known before there is one, so that a replay that comes in between ends it too.</summary>
    public string Family { get; } = OAuthText.NewSecret();
}

/// <summary>
/// Authorization codes, in memory alone: good once and for a minute. One that comes again tells that two parties had it, and which family
/// it began (RFC 6749 section 4.1.2).
/// </summary>
internal sealed class CodeBook(TimeProvider clock)
{
    /// <summary>How long a code is good.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromSeconds(60);

    /// <summary>How long a used one is remembered: as long as the access token that it gave lives.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromMinutes(15);

    private const int Capacity = 20_000;
    private readonly Lock _lock = new();
    private readonly Dictionary<Digest, Entry> _codes = [];
    private readonly Queue<(Digest Code, DateTimeOffset Until)> _byAge = new();

    private sealed class Entry(Agreement agreement, DateTimeOffset endsAt)
    {
        public Agreement? Agreement { get; set; } = agreement;

        public DateTimeOffset EndsAt { get; } = endsAt;

        public string Family { get; } = agreement.Family;
    }

    /// <summary>A code for an agreement.</summary>
    public string Add(Agreement agreement)
    {
        var code = OAuthText.NewSecret();
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            while (_byAge.TryPeek(out var oldest) && (oldest.Until <= now || _byAge.Count >= Capacity)) _codes.Remove(_byAge.Dequeue().Code);
            var digest = DigestOf(code);
            _codes[digest] = new Entry(agreement, now + Life);
            _byAge.Enqueue((digest, now + Memory));
        }
        return code;
    }

    /// <summary>Takes what a code stands for; afterwards it is used, whatever comes of it.</summary>
    /// <param name="code">As presented.</param>
    /// <param name="agreement">What it stood for.</param>
    /// <param name="replayedFamily">When it had been used: the family that it began.</param>
    public bool TryTake(string code, [NotNullWhen(true)] out Agreement? agreement, out string? replayedFamily)
    {
        (agreement, replayedFamily) = (null, null);
        lock (_lock)
        {
            if (!_codes.TryGetValue(DigestOf(code), out var entry)) return false;
            if (entry.Agreement is null)
            {
                replayedFamily = entry.Family;
                return false;
            }
            (agreement, entry.Agreement) = (entry.EndsAt > clock.GetUtcNow() ? entry.Agreement : null, null);
            return agreement is not null;
        }
    }

    private static Digest DigestOf(string code) => Digest.Of(Encoding.UTF8.GetBytes(code));
}

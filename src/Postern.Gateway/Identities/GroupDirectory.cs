using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Identities;

/// <summary>The groups of one principal, or why they are not known. They are known whole or not at all (J12).</summary>
/// <param name="Groups">Group ids; empty only when the directory said that there are none.</param>
/// <param name="Fault">Why not; null with groups.</param>
internal readonly record struct DirectoryAnswer(ImmutableArray<string> Groups, TokenFault? Fault);

/// <summary>
/// Asks the configured directory for groups that are too many for a token. An address that a token names is never asked. What was learnt
/// is used for <see cref="Fresh"/>; a fault is not remembered, and one question is asked once at a time for each principal.
/// </summary>
internal sealed partial class GroupDirectory(TrustedIssuer issuer, DirectoryOptions options, SigningKeys keys, DocumentClient documents, DocumentClient tokens, TimeProvider clock, ILogger log) : IDisposable
{
    /// <summary>How long an answer is used: a member who was removed is out after this.</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromMinutes(5);

    /// <summary>How many principals are remembered.</summary>
    public const int MaxKnown = 10_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly ConcurrentDictionary<string, (ImmutableArray<string> Groups, DateTimeOffset Until)> _known = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Lazy<Task<DirectoryAnswer>>> _asked = new(StringComparer.Ordinal);
    private readonly GroupPages _pages = new(options, documents);
    private readonly DirectoryToken _token = new(options, keys, tokens, clock);

    /// <summary>The groups of a principal of this issuer, by the tenant-wide id.</summary>
    public async ValueTask<DirectoryAnswer> GroupsOfAsync(string? tenant, string? principal, bool isWorkload, CancellationToken cancellationToken)
    {
        // It becomes part of an address: nothing but an id may.
        if (!Guid.TryParseExact(principal, "D", out var id)) return new([], TokenFault.NoSubject);
        var key = $"{tenant}/{id:D}/{isWorkload}";
        var now = clock.GetUtcNow();
        if (_known.TryGetValue(key, out var found) && found.Until > now) return new(found.Groups, null);
        var asked = _asked.GetOrAdd(key, _ => new(() => Task.Run(() => AskAsync(key, id, isWorkload))));
        return await asked.Value.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Dispose()
    {
        documents.Dispose();
        tokens.Dispose();
    }

    // Nobody's cancellation ends it: several callers wait for one answer, and its patience is its own.
    private async Task<DirectoryAnswer> AskAsync(string key, Guid id, bool isWorkload)
    {
        using var limit = new CancellationTokenSource(Patience, clock);
        try
        {
            var (token, problem) = await _token.CurrentAsync(limit.Token).ConfigureAwait(false);
            if (token is null) return Failed(problem!, TokenFault.NoDirectory);
            var pages = await _pages.ReadAsync(id, isWorkload, token, limit.Token).ConfigureAwait(false);
            if (pages.Problem is not { } fault) return Learn(key, pages.Groups);

            // A token that the directory did not take is not used again.
            _token.Forget(token);
            return Failed(fault, pages.IsUnknown ? TokenFault.NotInDirectory : TokenFault.NoDirectory);
        }
        catch (OperationCanceledException)
        {
            return Failed("the directory did not answer in time", TokenFault.NoDirectory);
        }
        catch (Exception unforeseen)
        {
            // A fault of ours must not leave a waiting caller without an answer, nor give one "no groups".
            return Failed(unforeseen.GetType().Name, TokenFault.NoDirectory);
        }
        finally
        {
            _asked.TryRemove(key, out _);
        }
    }

    private DirectoryAnswer Learn(string key, ImmutableArray<string> groups)
    {
        var now = clock.GetUtcNow();
        if (_known.Count >= MaxKnown)
        {
            foreach (var (other, value) in _known)
            {
                if (value.Until <= now || _known.Count >= MaxKnown) _known.TryRemove(other, out _);
            }
        }
        _known[key] = (groups, now + Fresh);
        return new(groups, null);
    }

    private DirectoryAnswer Failed(string problem, TokenFault fault)
    {
        LogFailed(issuer.Name, problem);
        return new([], fault);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "groups were not read from the directory of issuer {Issuer}: {Problem}")]
    private partial void LogFailed(string issuer, string problem);
}

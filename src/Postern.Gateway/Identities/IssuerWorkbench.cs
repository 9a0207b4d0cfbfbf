using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Identities;

/// <summary>What asking an issuer brought.</summary>
/// <param name="Problem">Why its tokens could not be checked: lower case, no full stop; null when they can.</param>
/// <param name="Keys">How many signing keys it has that are taken.</param>
/// <param name="SignsPeopleIn">Whether it has a page on which people sign in.</param>
/// <param name="Ahead">How far its clock is ahead of this machine's, to the second; null when it did not say.</param>
public sealed record IssuerAnswer(string? Problem, int Keys, bool SignsPeopleIn, TimeSpan? Ahead)
{
    /// <summary>True for an issuer at which nobody signs in: its tokens stand for programs.</summary>
    public bool IsForPrograms { get; init; }
}

/// <summary>Asks an issuer what a gateway of the same configuration would ask it at its start, without starting one.</summary>
public static class IssuerWorkbench
{
    /// <summary>Reads its description and its keys.</summary>
    /// <param name="options">The issuer.</param>
    /// <param name="publicUrl">The gateway's public URL: the audience where none is configured.</param>
    /// <param name="clock">All time.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    public static async Task<IssuerAnswer> AskAsync(IssuerOptions options, string publicUrl, TimeProvider clock, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ImmutableArray<TrustedIssuer> tenants;
        try
        {
            tenants = TrustedIssuer.AllFrom(options, publicUrl);
        }
        catch (ArgumentException untrustworthy)
        {
            return new IssuerAnswer(untrustworthy.Message, 0, false, null);
        }
        IssuerAnswer? all = null;
        foreach (var issuer in tenants)
        {
            var answer = await AskAsync(issuer, clock, cancellationToken).ConfigureAwait(false);
            // Each tenant has keys of its own: the first that is not well is what has to be looked at.
            if (answer.Problem is not null) return answer with { Problem = tenants.Length > 1 ? $"`{issuer.Authority}`: {answer.Problem}" : answer.Problem };
            all = all is null ? answer : answer with { Keys = all.Keys + answer.Keys };
        }
        return all! with { IsForPrograms = options.Preset is { } preset && IssuerPreset.All.TryGetValue(preset, out var known) && known.Shape.IsForWorkloadsOnly };
    }

    private static async Task<IssuerAnswer> AskAsync(TrustedIssuer issuer, TimeProvider clock, CancellationToken cancellationToken)
    {
        var authority = new Uri(issuer.Authority);
        using var dates = new DateReader(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectCallback = new IssuerDialer(authority).DialAsync,
            UseProxy = !authority.IsLoopback,
        }, clock);
        using var client = new IssuerClient(issuer, dates);
        var (metadata, problem) = await client.DiscoverAsync(cancellationToken).ConfigureAwait(false);
        if (metadata is null) return new IssuerAnswer(problem, 0, false, dates.Ahead);
        var state = await new SigningKeys(issuer, client, clock, NullLogger.Instance).CurrentAsync(cancellationToken).ConfigureAwait(false);
        var signsPeopleIn = metadata.Authorization is not null && metadata.Token is not null;
        if (state is null) return new IssuerAnswer("its signing keys cannot be read", 0, signsPeopleIn, dates.Ahead);
        var keys = state.Keys.Count(key => issuer.Algorithms.Any(key.Fits));
        return new IssuerAnswer(keys > 0 ? null : $"none of its signing keys is for an algorithm that is accepted ({string.Join(", ", issuer.Algorithms)})", keys, signsPeopleIn, dates.Ahead);
    }

    /// <summary>Reads the clock of whoever answers (RFC 9110 section 6.6.1).</summary>
    private sealed class DateReader(HttpMessageHandler inner, TimeProvider clock) : DelegatingHandler(inner)
    {
        public TimeSpan? Ahead { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (response.Headers.Date is { } date) Ahead = date - clock.GetUtcNow();
            return response;
        }
    }
}

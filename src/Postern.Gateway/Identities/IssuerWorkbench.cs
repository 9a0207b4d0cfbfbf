using Microsoft.Extensions.Logging.Abstractions;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Identities;

/// <summary>What asking an issuer brought.</summary>
/// <param name="Problem">Why its tokens could not be checked: lower case, no full stop; null when they can.</param>
/// <param name="Keys">How many signing keys it has that are taken.</param>
/// <param name="SignsPeopleIn">Whether it has a page on which people sign in.</param>
/// <param name="Ahead">How far its clock is ahead of this machine's, to the second; null when it did not say.</param>
public sealed record IssuerAnswer(string? Problem, int Keys, bool SignsPeopleIn, TimeSpan? Ahead);

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
        TrustedIssuer issuer;
        try
        {
            issuer = TrustedIssuer.From(options, publicUrl);
        }
        catch (ArgumentException untrustworthy)
        {
            return new IssuerAnswer(untrustworthy.Message, 0, false, null);
        }
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

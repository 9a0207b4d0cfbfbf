using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Postern.Core.Yaml;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Listening;

/// <summary>The certificate in use. A changed file is taken at the next handshake; one that does not load changes nothing.</summary>
internal sealed partial class ServedCertificate : IDisposable
{
    private readonly TlsOptions _options;
    private readonly ILogger _log;
    private readonly WatchedFiles _watch;
    private volatile SslStreamCertificateContext _current;

    /// <exception cref="GatewayStartException">The files cannot be read or do not belong together.</exception>
    public ServedCertificate(TlsOptions options, TimeProvider clock, ILogger log)
    {
        _options = options;
        _log = log;
        try
        {
            _current = Load();
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new GatewayStartException([new SourceProblem("listen.tls", 0, 0, $"cannot use `{options.Certificate}` with `{options.Key}`: {Why(unreadable)}")]);
        }
        _watch = new WatchedFiles(() => [options.Certificate, options.Key], Reload, clock);
    }

    public SslStreamCertificateContext Current => _current;

    /// <summary>Null while the certificate is good.</summary>
    public string? Complaint(DateTimeOffset now) =>
        now >= new DateTimeOffset(_current.TargetCertificate.NotAfter.ToUniversalTime()) ? "the certificate has expired" : null;

    public void Dispose() => _watch.Dispose();

    private void Reload()
    {
        try
        {
            _current = Load();
            Reloaded(_log, _current.TargetCertificate.Subject);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            NotReloaded(_log, Why(unreadable));
        }
    }

    private SslStreamCertificateContext Load()
    {
        var leaf = X509Certificate2.CreateFromPemFile(_options.Certificate, _options.Key);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_options.Certificate);
        return SslStreamCertificateContext.Create(leaf, [.. chain.Skip(1)], offline: true);
    }

    private static string Why(Exception unreadable) => unreadable switch
    {
        FileNotFoundException or DirectoryNotFoundException => "there is no such file",
        UnauthorizedAccessException => "no permission to read it",
        IOException => "it cannot be read",
        _ => "expected a certificate and its private key in PEM, without a password",
    };

    [LoggerMessage(EventId = 110, Level = LogLevel.Information, Message = "certificate reloaded: {Subject}")]
    private static partial void Reloaded(ILogger log, string subject);

    [LoggerMessage(EventId = 111, Level = LogLevel.Error, Message = "certificate not reloaded, the one before stays in use: {Reason}")]
    private static partial void NotReloaded(ILogger log, string reason);
}

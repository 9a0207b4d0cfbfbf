using System.Net;
using System.Net.Mail;
using System.Text;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Policy;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Notices;

/// <summary>Tells reviewers by e-mail: a line and a link, nothing that acts. Following the link shows a page and answers nothing (attack A07).</summary>
internal sealed class EmailNotifier(EmailOptions options, string publicUrl) : INotifier
{
    public const string Channel = "email";

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    public string Name => Channel;

    public byte[] BodyOf(NoticeKind kind, Hold hold) => Body(NoticeText.Of(kind, hold), $"{publicUrl}/approve/{hold.Id}", $"Risk: {hold.Terms.Risk.ToString().ToLowerInvariant()}. Answer by {hold.ExpiresAt.UtcDateTime:yyyy-MM-dd HH:mm} UTC.");

    public byte[] BodyOf(Grant grant, RequestEntry entry) => Body(NoticeText.Of(grant), $"{publicUrl}/grants/{grant.Id}", $"It ends at {grant.EndsAt?.UtcDateTime:yyyy-MM-dd HH:mm} UTC and can be taken back there.");

    public async ValueTask<string?> SendAsync(Notice notice, DateTimeOffset now, CancellationToken stopping)
    {
        var words = JsonSerializer.Deserialize<Words>(notice.Body)!;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        patience.CancelAfter(Timeout);
        try
        {
            using var client = new SmtpClient(options.Host, options.Port) { EnableSsl = options.UsesTls, DeliveryMethod = SmtpDeliveryMethod.Network, UseDefaultCredentials = false };
            if (options.User is { } user) client.Credentials = new NetworkCredential(user, options.Password);
            using var message = new MailMessage { From = new MailAddress(options.From), Subject = OneLine("Postern: " + words.Line), Body = $"{words.Line}\n\n{words.Link}\n\n{words.Rest}\n", SubjectEncoding = Encoding.UTF8, BodyEncoding = Encoding.UTF8 };
            foreach (var reviewer in options.To) message.To.Add(new MailAddress(reviewer));
            // One thread for everything about one hold, and no second copy where a retry follows a lost answer.
            message.Headers.Add("Message-ID", $"<{notice.Id}.{Channel}@{new Uri(publicUrl).Host}>");
            message.Headers.Add("Auto-Submitted", "auto-generated");
            await client.SendMailAsync(message, patience.Token).ConfigureAwait(false);
            return null;
        }
        catch (SmtpException failure)
        {
            return $"the mail server did not take it ({failure.StatusCode})";
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return "the mail server did not answer in time";
        }
    }

    public void Dispose()
    {
    }

    // A line end in a header would begin another header.
    private static string OneLine(string text) => string.Create(Math.Min(text.Length, 200), text, static (line, from) =>
    {
        for (var at = 0; at < line.Length; at++) line[at] = char.IsControl(from[at]) ? ' ' : from[at];
    });

    private static byte[] Body(string line, string link, string rest) => JsonSerializer.SerializeToUtf8Bytes(new Words(line, link, rest));

    private sealed record Words(string Line, string Link, string Rest);
}

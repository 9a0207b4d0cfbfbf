using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Gateway.Notices;

/// <summary>
/// Proves to a receiver that a notice is ours and fresh: <c>v1=</c> and the hex of HMAC-SHA256 over timestamp, <c>.</c> and body.
/// A receiver compares in constant time and refuses timestamps more than five minutes from its own clock.
/// </summary>
internal static class WebhookSignature
{
    public const string TimestampHeader = "Postern-Timestamp";
    public const string SignatureHeader = "Postern-Signature";
    public const string DeliveryHeader = "Postern-Delivery";

    public static string Timestamp(DateTimeOffset now) => now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);

    public static string Of(string secret, string timestamp, ReadOnlySpan<byte> body)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret));
        hmac.AppendData(Encoding.ASCII.GetBytes(timestamp));
        hmac.AppendData("."u8);
        hmac.AppendData(body);
        return "v1=" + Convert.ToHexStringLower(hmac.GetHashAndReset());
    }
}

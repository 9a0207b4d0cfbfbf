using System.Runtime.InteropServices;
using Postern.Core.Masking.Detection;

namespace Postern.Core.Masking;

/// <summary>The detectors of a masker, each with the rank of its strongest treatment; 0 where no mask names it.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct DetectorSet(int Card, int Email, SecretRanks Secrets)
{
    public static readonly DetectorSet None;

    public bool Any => Card != 0 || Email != 0 || Secrets.Any;

    /// <summary>The set with one more detector at this rank.</summary>
    public DetectorSet With(string name, int rank) => name switch
    {
        Detectors.CreditCard => this with { Card = Math.Max(Card, rank) },
        Detectors.Email => this with { Email = Math.Max(Email, rank) },
        Detectors.ApiKey => this with { Secrets = Secrets with { ApiKey = Math.Max(Secrets.ApiKey, rank) } },
        Detectors.Jwt => this with { Secrets = Secrets with { Jwt = Math.Max(Secrets.Jwt, rank) } },
        Detectors.PrivateKey => this with { Secrets = Secrets with { PrivateKey = Math.Max(Secrets.PrivateKey, rank) } },
        _ => throw new ArgumentException($"unknown detector `{name}`; expected one of {string.Join(", ", Detectors.Names)}", nameof(name)),
    };

    /// <summary>
    /// The detectors that could find something in any text within these bytes, documents in strings included; numbers of the
    /// document itself are not asked. An escaped letter could hide a literal, so where <c>\u</c> occurs all stay.
    /// </summary>
    public DetectorSet PossibleIn(ReadOnlySpan<byte> bytes)
    {
        if (!Any || bytes.IndexOf("\\u"u8) >= 0) return this;
        var card = Card != 0 && CardScreen.IsPossible(bytes) ? Card : 0;
        var email = Email != 0 && EmailDetector.IsPossible(bytes) ? Email : 0;
        var secrets = Secrets.Any && SecretDetector.IsPossible(bytes) ? Secrets : default;
        return new DetectorSet(card, email, secrets);
    }

    /// <summary>Everything that the detectors find in the text, settled.</summary>
    public void Find(ReadOnlySpan<byte> text, HitList hits)
    {
        hits.Clear();
        if (Card != 0) CardDetector.Find(text, Card, hits);
        if (Email != 0) EmailDetector.Find(text, Email, hits);
        if (Secrets.Any) SecretDetector.Find(text, Secrets, hits);
        hits.Settle();
    }
}

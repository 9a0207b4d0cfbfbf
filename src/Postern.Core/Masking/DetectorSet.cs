using System.Runtime.InteropServices;
using Postern.Core.Masking.Detection;

namespace Postern.Core.Masking;

/// <summary>The detectors of a masker, each with the rank of its strongest treatment; 0 where no mask names it.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct DetectorSet(int Card, int Email, int Iban, int Phone, int Ssn, int Address, SecretRanks Secrets, PatternSet? Patterns = null)
{
    public static readonly DetectorSet None;

    public bool Any => (Card | Email | Iban | Phone | Ssn | Address) != 0 || Secrets.Any || Patterns is not null;

    /// <summary>What these detectors begin with.</summary>
    public Anchors Anchors =>
        (Card > 0 ? Anchors.Digits : Anchors.None)
        | (Email > 0 ? Anchors.At | Anchors.Literal : Anchors.None)
        | (Iban > 0 ? Anchors.Iban : Anchors.None)
        | (Phone > 0 ? Anchors.Plus | Anchors.Phone : Anchors.None)
        | (Ssn > 0 ? Anchors.Ssn : Anchors.None)
        | (Address > 0 ? Anchors.Dots | Anchors.Colons : Anchors.None)
        | (Secrets.Any ? Anchors.Literal : Anchors.None);

    /// <summary>The set with one more detector at this rank.</summary>
    public DetectorSet With(string name, int rank) => name switch
    {
        Detectors.CreditCard => this with { Card = Math.Max(Card, rank) },
        Detectors.Email => this with { Email = Math.Max(Email, rank) },
        Detectors.Iban => this with { Iban = Math.Max(Iban, rank) },
        Detectors.Phone => this with { Phone = Math.Max(Phone, rank) },
        Detectors.UsSsn => this with { Ssn = Math.Max(Ssn, rank) },
        Detectors.IpAddress => this with { Address = Math.Max(Address, rank) },
        Detectors.ApiKey => this with { Secrets = Secrets with { ApiKey = Math.Max(Secrets.ApiKey, rank) } },
        Detectors.Jwt => this with { Secrets = Secrets with { Jwt = Math.Max(Secrets.Jwt, rank) } },
        Detectors.PrivateKey => this with { Secrets = Secrets with { PrivateKey = Math.Max(Secrets.PrivateKey, rank) } },
        Detectors.Password => this with { Secrets = Secrets with { Password = Math.Max(Secrets.Password, rank) } },
        Detectors.ConnectionString => this with { Secrets = Secrets with { Connection = Math.Max(Secrets.Connection, rank) } },
        _ => throw new ArgumentException($"unknown detector `{name}`; expected one of {string.Join(", ", Detectors.Names)}", nameof(name)),
    };

    /// <summary>The rank of a number that is a card, or that a pattern matches as it is written; 0 for none.</summary>
    public int RankOf(ReadOnlySpan<byte> number)
    {
        var rank = Card > 0 && CardDetector.IsCard(number) ? Card : 0;
        return Patterns is null ? rank : Math.Max(rank, Patterns.RankOf(number));
    }

    /// <summary>Everything that the detectors find in the text, settled.</summary>
    public void Find(ReadOnlySpan<byte> text, HitList hits)
    {
        hits.Clear();
        var (mayBeCard, mayBeEmail, addressFrom) = (false, false, 0);
        var secrets = new SecretDetector(text, Secrets);
        var reader = new AnchorReader(text, Anchors);
        while (reader.Next(out var at, out var anchors))
        {
            if (!mayBeCard && (anchors & Anchors.Digits) != Anchors.None) mayBeCard = CardScreen.IsPossibleAt(text, at);
            mayBeEmail |= (anchors & Anchors.At) != Anchors.None;
            if ((anchors & Anchors.Literal) != Anchors.None) mayBeEmail |= secrets.Look(at, hits);
            if ((anchors & Anchors.Iban) != Anchors.None) Add(hits, at, IbanDetector.At(text, at, isRaw: false), Iban);
            if ((anchors & Anchors.Plus) != Anchors.None) Add(hits, at, PhoneDetector.AtSign(text, at, isRaw: false), Phone);
            if ((anchors & Anchors.Phone) != Anchors.None) Add(hits, at, PhoneDetector.AtGroups(text, at, isRaw: false), Phone);
            if ((anchors & Anchors.Ssn) != Anchors.None) Add(hits, at, SsnDetector.At(text, at, isRaw: false), Ssn);
            if ((anchors & Anchors.Dots) != Anchors.None) Add(hits, at, AddressDetector.V4At(text, at, isRaw: false), Address);
            if ((anchors & Anchors.Colons) != Anchors.None && at >= addressFrom)
            {
                var (start, length) = AddressDetector.V6Around(text, at, isRaw: false);
                Add(hits, start, length, Address);
                if (length > 0) addressFrom = start + length;
            }
        }
        Patterns?.Find(text, hits);
        if (mayBeCard) CardDetector.Find(text, Card, hits);
        if (mayBeEmail && Email > 0) EmailDetector.Find(text, Email, hits);
        hits.Settle();
    }

    /// <summary>
    /// The places in a document, in order, where a text of it may hold what the detectors find, documents within its texts included. Only the
    /// spelling in JSON is read; it may name too many places, never too few. Numbers of the document itself are not asked.
    /// </summary>
    public void Suspect(ReadOnlySpan<byte> json, PlaceList places)
    {
        places.Clear();
        if (!Any) return;
        var reader = new AnchorReader(json, Anchors | Anchors.Escape | (Card > 0 ? Anchors.Exponent : Anchors.None));
        while (reader.Next(out var at, out var anchors))
        {
            if (IsSuspect(json, at, anchors)) places.Add(at);
        }
    }

    private bool IsSuspect(ReadOnlySpan<byte> json, int at, Anchors anchors) =>
        (anchors & Anchors.At) != Anchors.None
        || ((anchors & Anchors.Escape) != Anchors.None && EscapedText.MayHide(json, at))
        || ((anchors & Anchors.Literal) != Anchors.None && SecretDetector.IsPossible(json, at, Secrets, Email > 0))
        || ((anchors & Anchors.Digits) != Anchors.None && CardScreen.IsPossibleAt(json, at))
        || ((anchors & Anchors.Exponent) != Anchors.None && CardScreen.IsLongExponent(json, at + 1))
        || ((anchors & Anchors.Iban) != Anchors.None && IbanDetector.At(json, at, isRaw: true) > 0)
        || ((anchors & Anchors.Plus) != Anchors.None && PhoneDetector.AtSign(json, at, isRaw: true) > 0)
        || ((anchors & Anchors.Phone) != Anchors.None && PhoneDetector.AtGroups(json, at, isRaw: true) > 0)
        || ((anchors & Anchors.Ssn) != Anchors.None && SsnDetector.At(json, at, isRaw: true) > 0)
        || ((anchors & Anchors.Dots) != Anchors.None && AddressDetector.V4At(json, at, isRaw: true) > 0)
        || ((anchors & Anchors.Colons) != Anchors.None && AddressDetector.V6Around(json, at, isRaw: true).Length > 0);

    private static void Add(HitList hits, int start, int length, int rank)
    {
        if (length > 0) hits.Add(new Hit(start, start + length, rank, IsCard: false));
    }
}

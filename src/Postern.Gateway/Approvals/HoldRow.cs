using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Sessions;

namespace Postern.Gateway.Approvals;

/// <summary>A hold as a row; names are those of the columns.</summary>
#pragma warning disable IDE1006, CA1708 // column names
internal sealed class HoldRow
{
    private static readonly JsonSerializerOptions Json = new()
    {
        Converters = { new JsonStringEnumConverter() },
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public string id { get; set; } = "";

    public string binding { get; set; } = "";

    public string opened_by { get; set; } = "";

    public string requester { get; set; } = "";

    public string? requester_name { get; set; }

    public string? agent { get; set; }

    public string? client_name { get; set; }

    public string connection { get; set; } = "";

    public string target { get; set; } = "";

    public string summary { get; set; } = "";

    public byte[]? request { get; set; }

    public string terms { get; set; } = "";

    public string rule { get; set; } = "";

    public string reason { get; set; } = "";

    public int policy_version { get; set; }

    public long opened_at { get; set; }

    public long expires_at { get; set; }

    public long? usable_until { get; set; }

    public string state { get; set; } = "";

    public string answers { get; set; } = "[]";

    public string? consumed_by { get; set; }

    public string? grant_id { get; set; }

    public string? origin { get; set; }

    public static HoldRow Of(Hold hold, KeptRequests kept) => new()
    {
        id = hold.Id,
        binding = hold.Binding.ToString(),
        opened_by = hold.OpenedBy.ToString(),
        requester = hold.Requester,
        requester_name = hold.RequesterName,
        agent = hold.Agent,
        client_name = hold.ClientName,
        connection = hold.Connection,
        target = hold.Target,
        summary = hold.Summary,
        request = hold.State == HoldState.Open ? kept.Seal(hold) : null,
        terms = JsonSerializer.Serialize(hold.Terms, Json),
        rule = hold.Rule,
        reason = hold.Reason,
        policy_version = hold.PolicyVersion,
        opened_at = hold.OpenedAt.UtcTicks,
        expires_at = hold.ExpiresAt.UtcTicks,
        usable_until = hold.UsableUntil?.UtcTicks,
        state = StateText(hold.State),
        answers = AnswersText(hold),
        consumed_by = hold.ConsumedBy?.ToString(),
        grant_id = hold.Grant,
        origin = hold.Origin is null ? null : JsonSerializer.Serialize(hold.Origin, Json),
    };

    /// <summary>The answers in the one form that is stored and compared.</summary>
    public static string AnswersText(Hold hold) => JsonSerializer.Serialize(
        hold.Answers.IsDefault ? [] : hold.Answers.Select(answer => answer with { At = answer.At.ToUniversalTime() }).ToImmutableArray(), Json);

    /// <summary>As <see cref="Hold.IsEndedBy"/>, without opening what was kept: a hold that cannot be read must not keep a revocation from ending others.</summary>
    public bool IsEndedBy(RevocationSubject subject) => Hold.IsEndedBy(subject, requester, agent, OriginOf(), JsonSerializer.Deserialize<ImmutableArray<Answer>>(answers, Json));

    private HoldOrigin? OriginOf() => origin is null ? null : JsonSerializer.Deserialize<HoldOrigin>(origin, Json);

    public static string StateText(HoldState state) => state switch
    {
        HoldState.Open => "open",
        HoldState.Approved => "approved",
        HoldState.Denied => "denied",
        HoldState.Expired => "expired",
        HoldState.Consumed => "consumed",
        _ => throw new InvalidDataException($"`{state}` is not a state of a hold"),
    };

    /// <exception cref="InvalidDataException">The row is not one that this store wrote.</exception>
    public Hold ToHold(KeptRequests kept)
    {
        try
        {
            var (asked, foreseen) = request is null ? default : kept.Open(id, binding, request);
            return new Hold
            {
                Id = id,
                Binding = Digest.TryParse(binding, out var digest) ? digest : throw Damaged(),
                OpenedBy = Operation(opened_by),
                Requester = requester,
                RequesterName = requester_name,
                Agent = agent,
                Origin = OriginOf(),
                ClientName = client_name,
                Connection = connection,
                Target = target,
                Summary = summary,
                Request = asked,
                Foreseen = foreseen,
                Terms = JsonSerializer.Deserialize<HoldTerms>(terms, Json) ?? throw Damaged(),
                Rule = rule,
                Reason = reason,
                PolicyVersion = policy_version,
                OpenedAt = Time(opened_at),
                ExpiresAt = Time(expires_at),
                UsableUntil = usable_until is { } until ? Time(until) : null,
                State = state switch
                {
                    "open" => HoldState.Open,
                    "approved" => HoldState.Approved,
                    "denied" => HoldState.Denied,
                    "expired" => HoldState.Expired,
                    "consumed" => HoldState.Consumed,
                    _ => throw Damaged(),
                },
                Answers = JsonSerializer.Deserialize<ImmutableArray<Answer>>(answers, Json),
                Grant = grant_id,
                ConsumedBy = consumed_by is null ? null : Operation(consumed_by),
            };
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException)
        {
            throw Damaged();
        }
    }

    private OperationId Operation(string text) => OperationId.TryParse(text, out var operation) ? operation : throw Damaged();

    private static DateTimeOffset Time(long ticks) => new(ticks, TimeSpan.Zero);

    private InvalidDataException Damaged() => new($"the stored hold `{id}` cannot be read; it was changed from outside, or written by another version");
}

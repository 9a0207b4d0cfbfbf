using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Core.Pipeline;

namespace Postern.Gateway.Api;

/// <summary>Answers as bytes.</summary>
internal static class ApiText
{
    /// <summary>An answer as it goes over the wire.</summary>
    public static ApiAnswer.Bytes Of(ApiAnswer answer, OperationId decision) => answer switch
    {
        ApiAnswer.Bytes bytes => bytes,
        ApiAnswer.Document document => new ApiAnswer.Bytes(Json(document.Write)) { Status = document.Status },
        ApiAnswer.Problem problem => new ApiAnswer.Bytes(Json(json => Write(json, problem, decision))) { Status = problem.Status, IsProblem = true },
        _ => throw new InvalidOperationException($"an answer of type `{answer.GetType().Name}` cannot be written"),
    };

    /// <summary>What a refusal of the one path is here. Who may not is told the same as where there is nothing.</summary>
    public static ApiAnswer.Problem Of(Refusal refusal) => refusal.Code switch
    {
        RefusalCode.RecordUnavailable or RefusalCode.GatewayUnavailable => new ApiAnswer.Problem(StatusCodes.Status503ServiceUnavailable, refusal.Code, refusal.Reason),
        RefusalCode.Limit => new ApiAnswer.Problem(StatusCodes.Status429TooManyRequests, refusal.Code, refusal.Reason),
        RefusalCode.HoldRejected or RefusalCode.HoldExpired or RefusalCode.CredentialEnded => new ApiAnswer.Problem(StatusCodes.Status403Forbidden, refusal.Code, refusal.Reason),
        _ => ApiAnswer.NotFound(),
    };

    /// <summary>People were asked first.</summary>
    public static ApiAnswer Held(Core.Approvals.Hold hold, string publicUrl) => new ApiAnswer.Document(json =>
    {
        json.WriteStartObject();
        json.WriteString("state", "held");
        json.WriteString("hold", hold.Id);
        json.WriteString("url", $"{publicUrl}/approve/{hold.Id}");
        json.WriteEndObject();
    })
    { Status = StatusCodes.Status202Accepted };

    /// <summary>RFC 9457 members, and those of the envelope that callers of every protocol know.</summary>
    private static void Write(Utf8JsonWriter json, ApiAnswer.Problem problem, OperationId decision)
    {
        json.WriteStartObject();
        json.WriteString("title", problem.Code);
        json.WriteNumber("status", problem.Status);
        json.WriteString("detail", problem.Reason);
        json.WriteNumber("v", 1);
        json.WriteString("decision", "denied");
        json.WriteString("code", problem.Code);
        json.WriteString("decisionId", decision.ToString());
        json.WriteString("reason", problem.Reason);
        json.WriteStartObject("retry");
        json.WriteString("mode", problem.Code is RefusalCode.GatewayUnavailable or RefusalCode.RecordUnavailable ? "after" : "after_change");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static ReadOnlyMemory<byte> Json(Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body)) write(json);
        return body.WrittenMemory;
    }
}

using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Control;
using Postern.Cli.Output;
using Postern.Core.Recording;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions watch</c>: a session while it goes on, each operation when it is asked and when it ends.</summary>
internal static class SessionsWatchCommand
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var session = new Argument<string>("session") { Description = "The session's id." };
        var seconds = new Option<int?>("--seconds") { Description = "Stop after so many; without it, when interrupted.", HelpName = "number" };
        var command = new Command("watch", "Follow a session while it goes on: each operation when it is asked, and when it ends.") { session, seconds };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            var format = shared.Renderer(parsed).Format;
            var watch = new Watch(api, parsed.GetRequiredValue(session), item => surroundings.Out.WriteLine(format == OutputFormat.Table ? Line(item) : Renderer.Line(item)));
            var end = parsed.GetValue(seconds) is { } most ? surroundings.Clock.GetUtcNow() + TimeSpan.FromSeconds(most) : DateTimeOffset.MaxValue;
            using var timer = new PeriodicTimer(Interval, surroundings.Clock);
            do await watch.LookAsync(cancellationToken);
            while (surroundings.Clock.GetUtcNow() < end && await timer.WaitForNextTickAsync(cancellationToken));
            return ExitCode.Ok;
        });
        return command;
    }

    private static string Line(JsonObject item)
    {
        var at = (string?)item["at"] is { Length: > 19 } text ? text[11..19] : "";
        var outcome = (string?)item["outcome"];
        return $"{at}  {(string?)item["decision"],-5}  {outcome ?? "…",-7}  {VisibleText.OfLine((string?)item["summary"] ?? "")}{(outcome is null ? "" : string.Create(CultureInfo.InvariantCulture, $"  ({(long?)item["replyBytes"] ?? 0} bytes, {(long?)item["maskedValues"] ?? 0} masked)"))}";
    }

    /// <summary>What was shown already, and where to go on.</summary>
    private sealed class Watch(ControlApi api, string session, Action<JsonObject> show)
    {
        private readonly SortedSet<long> _open = [];
        private long _last;

        public async Task LookAsync(CancellationToken cancellationToken)
        {
            // What has not ended is looked at again; all before it is over.
            var after = _open.Count > 0 ? _open.Min - 1 : _last;
            while (true)
            {
                var detail = await api.GetAsync(string.Create(CultureInfo.InvariantCulture, $"sessions/{Uri.EscapeDataString(session)}?after={after}"), $"session `{session}`", cancellationToken);
                foreach (var item in (detail["operations"] as JsonArray ?? []).OfType<JsonObject>()) Take(item);
                if (detail["next"] is not JsonValue next || !next.TryGetValue(out after)) return;
            }
        }

        private void Take(JsonObject item)
        {
            var sequence = (long?)item["sequence"] ?? throw new CommandException(ExitCode.Failure, "the gateway's answer has no readable `sequence`; it may be of another version than this executable");
            var isOpen = item["outcome"] is null;
            if (sequence <= _last && (isOpen || !_open.Contains(sequence))) return;
            show(item);
            if (isOpen) _open.Add(sequence);
            else _open.Remove(sequence);
            _last = Math.Max(_last, sequence);
        }
    }
}

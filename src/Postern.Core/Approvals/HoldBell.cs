namespace Postern.Core.Approvals;

/// <summary>Who waits for which hold. Rings for all of them when it was answered or its time is over.</summary>
internal sealed class HoldBell
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<Waiting>> _listening = new(StringComparer.Ordinal);

    public void Join(string hold, Waiting waiting)
    {
        lock (_gate)
        {
            if (_listening.TryGetValue(hold, out var listeners)) listeners.Add(waiting);
            else _listening[hold] = [waiting];
        }
    }

    public void Leave(string hold, Waiting waiting)
    {
        lock (_gate)
        {
            if (!_listening.TryGetValue(hold, out var listeners) || !listeners.Remove(waiting)) return;
            if (listeners.Count == 0) _listening.Remove(hold);
        }
    }

    /// <summary>Wakes whoever waits for the hold; each looks for itself at what became of it.</summary>
    public void Ring(string hold)
    {
        List<Waiting>? listeners;
        lock (_gate) _listening.Remove(hold, out listeners);
        if (listeners is null) return;
        foreach (var waiting in listeners) waiting.Wake();
    }
}

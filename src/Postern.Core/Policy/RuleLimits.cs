namespace Postern.Core.Policy;

/// <summary>Whose calls are counted together.</summary>
public enum LimitPer
{
    /// <summary>One identity's, through whichever agent; the default.</summary>
    Identity,

    /// <summary>One agent's, whoever it acts for; an identity without an agent counts by itself.</summary>
    Agent,

    /// <summary>Everybody's on the connection.</summary>
    Connection,
}

/// <summary>What one rule's <c>limits</c> say (policy.md section 6). Null: no limit of that kind.</summary>
/// <param name="Rule">The rule's id.</param>
/// <param name="Calls">Operations that may begin within <paramref name="Window"/>.</param>
/// <param name="Window">The time that slides along with the clock.</param>
/// <param name="Concurrent">Operations that may run at once.</param>
/// <param name="Rows">Rows of one reply.</param>
/// <param name="Bytes">Bytes of one reply.</param>
/// <param name="Time">How long one operation may run.</param>
/// <param name="Per">Whose calls are counted together.</param>
public sealed record RuleLimits(string Rule, int? Calls, TimeSpan Window, int? Concurrent, long? Rows, long? Bytes, TimeSpan? Time, LimitPer Per)
{
    /// <summary>True when something has to be counted over several operations.</summary>
    public bool IsCounted => Calls is not null || Concurrent is not null;
}

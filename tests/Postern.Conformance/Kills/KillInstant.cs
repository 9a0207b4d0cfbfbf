namespace Postern.Conformance.Kills;

/// <summary>Where in its work a gateway is killed. The rounds take these in turn; which of many such instants it is, chance decides.</summary>
internal enum KillInstant
{
    /// <summary>Anywhere.</summary>
    Any,

    /// <summary>The target has a call and has answered nothing: the intent is durable, the request forwarded.</summary>
    Seen,

    /// <summary>The target has sent half of an answer.</summary>
    Answering,

    /// <summary>The target has sent all of it; no caller needs to have any of it yet.</summary>
    Answered,

    /// <summary>A caller holds bytes of an answer: their record is durable, the ending need not be.</summary>
    Delivered,

    /// <summary>The journal has been written to; whether it is flushed, and whether anything follows from it, is not known.</summary>
    Written,

    /// <summary>Somebody is about to agree to something: hold, sign-in, answer.</summary>
    Agreeing,

    /// <summary>Approved calls run, each asked for several times at once: clearing, forwarding.</summary>
    Using,

    /// <summary>It starts again after a kill: recovery, endings of what was open, migrations.</summary>
    Starting,
}

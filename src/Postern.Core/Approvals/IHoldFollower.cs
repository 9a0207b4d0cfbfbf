namespace Postern.Core.Approvals;

/// <summary>Goes on with what people agreed to where no caller waits for it.</summary>
public interface IHoldFollower
{
    /// <summary>Enough people agreed, or one said no, or the time is over. Told at least once; a crash may lose it, so whoever follows also looks by itself.</summary>
    ValueTask SettledAsync(Hold hold);
}

using Microsoft.AspNetCore.Http;

namespace Postern.Protocols.Kubernetes;

/// <summary>Lets go of a caller from outside its request: from a timer that may come when the request has just ended.</summary>
internal static class CallerEnd
{
    /// <summary>Breaks the connection, unless the request is over.</summary>
    public static void AbortIfOpen(this HttpContext http)
    {
        try
        {
            http.Abort();
        }
        catch (ObjectDisposedException)
        {
            // It ended at the same moment. Nobody would catch this on a timer's thread: the gateway would end with it.
        }
    }
}

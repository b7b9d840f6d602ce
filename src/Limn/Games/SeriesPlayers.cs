using Limn.Engine;

namespace Limn.Games;

/// <summary>Windows of time series as players: stretches of each channel.</summary>
internal static class SeriesPlayers
{
    /// <param name="series">A row: [1, channels, steps], or [1, steps].</param>
    /// <param name="windows">How many players there are to be, about: as many windows for each channel.</param>
    public static Players Of(NdArray series, int windows)
    {
        int steps = series.Dims[^1], channels = steps == 0 ? 0 : series.Length / steps, each = Math.Clamp(windows / Math.Max(1, channels), 1, Math.Max(1, steps));
        var of = new int[series.Length];
        for (int c = 0; c < channels; c++)
            for (int t = 0; t < steps; t++) of[c * steps + t] = c * each + (int)((long)t * each / steps);
        string Name(int player)
        {
            (int channel, int window) = (player / each, player % each);
            // The first step t with t·each/steps ≥ window, and the last before the next.
            int from = (int)(((long)window * steps + each - 1) / each), to = (int)(((long)(window + 1) * steps + each - 1) / each) - 1;
            return channels == 1 ? $"steps {from} to {to}" : $"channel {channel}, steps {from} to {to}";
        }
        return new Players([of], channels * each) { Names = [.. Enumerable.Range(0, channels * each).Select(Name)], Hierarchy = Hierarchy.Halving(channels * each) };
    }
}

namespace Limn.Engine;

/// <summary>Suggestions for a name that was not found.</summary>
public static class NearestName
{
    /// <summary>
    /// The candidates nearest to <paramref name="wanted"/>: first those that contain it or are half of it, then by edit distance,
    /// as long as that is at most a third of the length of the name. Ties keep the order of the candidates.
    /// </summary>
    public static IReadOnlyList<string> Of(string wanted, IEnumerable<string> candidates, int most = 3)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(candidates);
        string sought = wanted.ToLowerInvariant();
        return [.. candidates.Where(c => c.Length > 0).Select(c => (Name: c, Distance: Distance(sought, c.ToLowerInvariant())))
            .Where(c => c.Distance <= Math.Max(1, sought.Length / 3)).OrderBy(c => c.Distance).Take(most).Select(c => c.Name)];
    }

    private static int Distance(string a, string b)
    {
        if (a.Length > 0 && (b.Contains(a, StringComparison.Ordinal) || 2 * b.Length >= a.Length && a.Contains(b, StringComparison.Ordinal))) return 0;
        var previous = new int[b.Length + 1];
        var current = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++) previous[j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
                current[j] = Math.Min(Math.Min(previous[j], current[j - 1]) + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            (previous, current) = (current, previous);
        }
        return previous[b.Length];
    }
}

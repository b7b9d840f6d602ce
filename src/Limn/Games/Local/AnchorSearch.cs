namespace Limn.Games.Local;

/// <summary>Copies of a row that fulfil some of its conditions.</summary>
internal interface IAnchorSampler
{
    /// <summary>The number of conditions that an anchor may consist of.</summary>
    int Conditions { get; }

    /// <summary>Draws copies and tells for each whether the decision is the row's: 1 or 0.</summary>
    /// <param name="anchors">The conditions that the copies fulfil, and how many copies of each.</param>
    /// <param name="first">The number of the first copy, of which its random numbers depend.</param>
    double[] Draw(IReadOnlyList<(int[] Anchor, int Count)> anchors, long first);

    /// <summary>The share of all copies that fulfil conditions.</summary>
    double Coverage(ReadOnlySpan<int> anchor);

    /// <summary>Whether a condition adds anything to others.</summary>
    bool Adds(ReadOnlySpan<int> anchor, int condition);
}

/// <summary>Looks for the rule of largest coverage whose precision reaches a threshold.</summary>
/// <remarks>
/// Beam search: each of the best rules so far is extended by every condition, and a bandit (KL-LUCB) tells which extensions are the most precise, drawing copies
/// only for those that are in doubt. Ribeiro, Singh, Guestrin: Anchors: High-Precision Model-Agnostic Explanations, AAAI 2018, algorithms 1 and 2. Of equal precisions the rule with the larger coverage,
/// then the first, counts as better. A rule is taken when its precision is at least the threshold, and with confidence 1 − δ not more than 0.05 below it.
/// </remarks>
internal sealed class AnchorSearch(IAnchorSampler sampler)
{
    private const double Slack = 0.05;

    private long drawn;

    /// <summary>The precision that an anchor must reach.</summary>
    public required double Precision { get; init; }

    public required double Delta { get; init; }

    /// <summary>How far the precision of a chosen rule may be below that of the best.</summary>
    public required double Tau { get; init; }

    public required int Batch { get; init; }

    public required int Beam { get; init; }

    /// <summary>The most copies that are scored.</summary>
    public required long Most { get; init; }

    /// <summary>The most conditions of a rule.</summary>
    public int MostConditions { get; init; } = int.MaxValue;

    private bool IsSpent => drawn >= Most;

    /// <summary>A rule and what was seen of it.</summary>
    private sealed class Arm(int[] anchor, double coverage)
    {
        public int[] Anchor => anchor;

        public double Coverage => coverage;

        public int Copies { get; set; }

        public double Same { get; set; }

        public double Mean => Copies == 0 ? 0 : Same / Copies;

        public double Lower(double beta) => Copies == 0 ? 0 : BernoulliBounds.Lower(Mean, beta / Copies);

        public double Upper(double beta) => Copies == 0 ? 1 : BernoulliBounds.Upper(Mean, beta / Copies);
    }

    /// <returns>The conditions of the rule in the order in which they were found, its precision with bounds, its coverage, whether it reaches the threshold, and the copies that were scored.</returns>
    public (int[] Anchor, double Precision, double Low, double High, double Coverage, bool IsAnchor, long Drawn) Run()
    {
        var seen = new List<Arm> { new([], 1) };
        double certain = Math.Log((1 + (Beam - 1.0) * sampler.Conditions) / Delta);
        List<Arm> best = [seen[0]];
        Arm? found = Reaches(seen[0], certain) ? seen[0] : null;
        for (int size = 1; found?.Coverage != 1 && size <= Math.Min(sampler.Conditions, MostConditions) && !IsSpent; size++)
        {
            List<Arm> extended = Extensions(best, found?.Coverage ?? 0);
            if (extended.Count == 0) break;
            best = MostPrecise(extended);
            foreach (Arm arm in best)
            {
                if (Reaches(arm, certain) && arm.Coverage > (found?.Coverage ?? 0)) found = arm;
                seen.Add(arm);
            }
        }
        Arm result = found ?? seen.MaxBy(a => a.Lower(certain))!;
        return (result.Anchor, result.Mean, result.Lower(certain), result.Upper(certain), result.Coverage, found is not null, drawn);
    }

    /// <summary>Draws until it is clear whether a rule reaches the threshold.</summary>
    private bool Reaches(Arm arm, double certain)
    {
        if (arm.Copies == 0) Draw([arm], Batch);
        while (!IsSpent && (arm.Mean >= Precision ? arm.Lower(certain) < Precision - Slack : arm.Upper(certain) >= Precision + Slack)) Draw([arm], Batch);
        return arm.Mean >= Precision && arm.Lower(certain) >= Precision - Slack;
    }

    private List<Arm> Extensions(List<Arm> best, double beyond)
    {
        var extended = new List<Arm>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (Arm arm in best)
            for (int c = 0; c < sampler.Conditions; c++)
            {
                if (!sampler.Adds(arm.Anchor, c)) continue;
                int[] longer = [.. arm.Anchor, c];
                if (known.Add(string.Join(',', longer.Order())) && sampler.Coverage(longer) is var coverage && coverage > beyond) extended.Add(new Arm(longer, coverage));
            }
        return extended;
    }

    /// <summary>KL-LUCB: in each round the least certain of the best and the most promising of the others are drawn, until no other can be better by more than τ.</summary>
    private List<Arm> MostPrecise(List<Arm> arms)
    {
        Draw(arms, Math.Max(1, Batch / arms.Count));
        for (int round = 1; ; round++)
        {
            List<Arm> order = [.. arms.OrderByDescending(a => a.Mean).ThenByDescending(a => a.Coverage)];
            if (arms.Count <= Beam || IsSpent) return [.. order.Take(Beam)];
            double beta = BernoulliBounds.Exploration(arms.Count, round, Delta);
            Arm weakest = order.Take(Beam).MinBy(a => a.Lower(beta))!, rival = order.Skip(Beam).MaxBy(a => a.Upper(beta))!;
            if (rival.Upper(beta) - weakest.Lower(beta) <= Tau) return [.. order.Take(Beam)];
            Draw([weakest, rival], Batch);
        }
    }

    private void Draw(List<Arm> arms, int each)
    {
        var some = arms.Select(a => (a.Anchor, Count: each)).ToList();
        double[] same = sampler.Draw(some, drawn);
        drawn += same.Length;
        for (int a = 0, at = 0; a < arms.Count; at += each, a++)
        {
            arms[a].Copies += each;
            for (int i = 0; i < each; i++) arms[a].Same += same[at + i];
        }
    }
}

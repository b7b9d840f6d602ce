using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Games.Local;
using MathNet.Numerics.LinearAlgebra;

namespace Limn.Games;

/// <summary>How often sampled pairs of coalitions are drawn by their size.</summary>
public enum CoalitionSampling
{
    /// <summary>As much as they weigh in the regression: small and large coalitions often (Lundberg, Lee 2017).</summary>
    Kernel,

    /// <summary>Each size as often, weighed accordingly: by the leverage of a coalition in the regression (Musco, Witter 2024, theorem 3.1).</summary>
    Leverage,
}

/// <summary>Which coalitions Kernel SHAP asks for, and the solution of its regression as weights of what they answer. It depends on the number of players alone, not on the model or the row.</summary>
/// <remarks>
/// With pairs (S, its complement) of total weight 2w each, the weighted least squares Σ w (v(S) − v(∅) − Σ_{i∈S} φᵢ)² under Σφ = Δ := v(N) − v(∅) has the solution
/// φ = c Δ + Σ_pairs w P z_S (v(S) − v(Sᶜ)), where A = Σ w z zᵀ over both halves, c = A⁻¹1 / 1ᵀA⁻¹1 and P = A⁻¹ − A⁻¹1 cᵀ, which sends 1 to 0: the vectors P z_S are made once.
/// Sizes are enumerated from the outside in while the budget allows; the rest is drawn, with replacement, pair by pair: draw k is a function of the seed and k.
/// </remarks>
internal sealed class KernelDesign
{
    private const int DrawsPerPair = 4; // how many draws may be made for each pair that is asked for, before repetitions count instead

    private readonly List<int> sizes = [];       // the size of each pair's first half
    private readonly List<int> multiplicity = []; // how often it was drawn; 0 where its size is enumerated
    private double[] weights = [];               // of each member of a pair
    private double[] influence = [];             // P z, pair by pair
    private double[] share = [];                 // c
    private double[] gram = [];                  // A
    private double[]? augmented;                 // what selecting features takes
    private int draws;

    private KernelDesign(int players) => Coalitions = new Coalitions(players, 64);

    /// <summary>The coalitions: pair k is coalition 2k and its complement, 2k + 1.</summary>
    public Coalitions Coalitions { get; }

    private int Players => Coalitions.Players;

    private int Pairs => Coalitions.Count / 2;

    /// <summary>Whether all coalitions are there, so that the values are exact.</summary>
    public bool IsComplete => draws == 0;

    /// <param name="players">The number of players; at least 2.</param>
    /// <param name="budget">How many coalitions may be asked for, beside those of all and of nobody.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="sampling">How often coalitions are drawn.</param>
    public static KernelDesign Of(int players, int budget, ulong seed, CoalitionSampling sampling)
    {
        if (budget < 2 * players && (players > 30 || budget < (1 << players) - 2))
            throw new InvalidOptionException($"{players} players need at least {2 * players} coalitions, and {budget} were given. Raise the samples, or make fewer players with groups (--mask).");
        var design = new KernelDesign(players);
        int half = players / 2;
        double[] mass = [0, .. Enumerable.Range(1, half).Select(t => Mass(players, t))];
        double rest = mass.Sum(), left = budget / 2.0;
        int from = 1;
        // A size is enumerated when the budget, shared out by weight, has room for all its pairs.
        for (; from <= half && left * mass[from] / rest >= PairsOf(players, from) * (1 - 1e-9); from++)
        {
            design.Enumerate(from);
            left -= PairsOf(players, from);
            rest -= mass[from];
        }
        int enumerated = design.Pairs;
        double[] chance = [.. mass.Select((m, t) => t < from ? 0 : sampling == CoalitionSampling.Leverage ? (2 * t == players ? 1.0 : 2.0) : m)];
        if (from <= half) design.Draw(seed, sampling, mass, from, budget / 2);
        design.Weigh(mass, chance, enumerated);
        design.Solve(mass, from);
        return design;
    }

    /// <summary>The values, and their standard errors unless they are exact.</summary>
    public Solution Solve(double empty, double full, ReadOnlySpan<double> values)
    {
        double change = full - empty;
        var phi = new double[Players];
        for (int i = 0; i < phi.Length; i++) phi[i] = share[i] * change;
        for (int k = 0; k < Pairs; k++) AddTo(phi, weights[k] * (values[2 * k] - values[2 * k + 1]), Influence(k));
        return new Solution(phi) { StandardErrors = IsComplete ? null : Errors(phi, values, change) };
    }

    /// <summary>
    /// The error of the regression by what each draw moves it ("sandwich"; White 1980, equation 4): a draw of the pair (S, Sᶜ) moves φ by P z_S times what the
    /// regression misses of v(S) − v(Sᶜ). Enumerated pairs have no part in it.
    /// </summary>
    private double[] Errors(double[] phi, ReadOnlySpan<double> values, double change)
    {
        var moments = new RunningMoments(Players);
        var moved = new double[Players];
        double free = draws - (double)Players;
        if (free < 1) return [.. Enumerable.Repeat(double.NaN, Players)];
        for (int k = 0; k < Pairs; k++)
        {
            if (multiplicity[k] == 0) continue;
            double inside = 0;
            foreach (int i in Games.Coalitions.Members(Coalitions[2 * k])) inside += phi[i];
            double missed = values[2 * k] - values[2 * k + 1] - (2 * inside - change), by = weights[k] / multiplicity[k] * draws * missed;
            ReadOnlySpan<double> p = Influence(k);
            for (int i = 0; i < moved.Length; i++) moved[i] = by * p[i];
            for (int m = 0; m < multiplicity[k]; m++) moments.Add(moved);
        }
        double wider = Math.Sqrt(draws / free);
        return Array.ConvertAll(moments.Errors(), e => e * wider);
    }

    private ReadOnlySpan<double> Influence(int pair) => influence.AsSpan(pair * Players, Players);

    private static void AddTo(Span<double> sum, double factor, ReadOnlySpan<double> values) => TensorPrimitives.MultiplyAdd(values, factor, sum, sum);

    /// <summary>The weight of all coalitions of t and of M − t players in the regression: (M − 1) / (t (M − t)) for each size.</summary>
    private static double Mass(int players, int t) => (players - 1.0) / ((double)t * (players - t)) * (2 * t == players ? 1 : 2);

    /// <summary>How many pairs of a coalition of t players and its complement there are.</summary>
    private static double PairsOf(int players, int t) => Choose(players, t) / (2 * t == players ? 2 : 1);

    private static double Choose(int n, int k)
    {
        if (k < 0 || k > n) return 0;
        double choices = 1;
        for (int i = 1; i <= k; i++) choices = choices * (n - k + i) / i;
        return Math.Round(choices);
    }

    private void Enumerate(int size)
    {
        var members = new int[size];
        for (int i = 0; i < size; i++) members[i] = i;
        do
        {
            if (2 * size == Players && members[0] != 0) break; // the complement has been there
            Add(members, 0);
        }
        while (Next(members));
    }

    /// <summary>The next choice of players in lexicographic order.</summary>
    private bool Next(int[] members)
    {
        int i = members.Length - 1;
        while (i >= 0 && members[i] == Players - members.Length + i) i--;
        if (i < 0) return false;
        members[i]++;
        for (int j = i + 1; j < members.Length; j++) members[j] = members[j - 1] + 1;
        return true;
    }

    private void Draw(ulong seed, CoalitionSampling sampling, double[] mass, int from, int pairs)
    {
        var known = new CoalitionMemory(Players);
        var pairAt = new List<int>();
        // Sizes are drawn from all sizes, and those that are enumerated passed over, so that a longer run, which enumerates more, keeps the draws of a shorter one.
        double[] likely = [.. mass.Select((m, t) => t == 0 ? 0 : sampling == CoalitionSampling.Leverage ? (2 * t == Players ? 1.0 : 2.0) : m)];
        double total = likely.Sum(), chance = likely[from..].Sum() / total;
        int[] order = new int[Players];
        int first = Pairs;
        long most = (long)(DrawsPerPair * Math.Max(1, pairs - first) / chance) + 1;
        for (long k = 0; Pairs < pairs && k < most; k++)
        {
            var random = new CounterRandom(seed, (ulong)k);
            double at = random.Uniform(0) * total;
            int t = 1;
            while (t < likely.Length - 1 && (at -= likely[t]) >= 0) t++;
            if (t < from) continue;
            for (int i = 0; i < order.Length; i++) order[i] = i;
            for (int i = 0; i < t; i++)
            {
                int j = i + random.Below(Players - i, (ulong)(1 + i));
                (order[i], order[j]) = (order[j], order[i]);
            }
            draws++;
            Span<int> members = order.AsSpan(0, t);
            if (2 * t == Players && !members.Contains(0)) members = order.AsSpan(t);
            Add(members, 1);
            int found = known.Find(Coalitions[Coalitions.Count - 2], out bool isNew);
            if (isNew) pairAt.Add(Pairs - 1);
            else
            {
                multiplicity[pairAt[found]]++;
                RemoveLast();
            }
        }
    }

    private void Add(ReadOnlySpan<int> members, int times)
    {
        Coalitions.AddEmpty();
        foreach (int i in members) Coalitions.Join(i);
        Coalitions.AddComplement(Coalitions[Coalitions.Count - 1]);
        sizes.Add(members.Length);
        multiplicity.Add(times);
    }

    private void RemoveLast()
    {
        Coalitions.RemoveLast();
        Coalitions.RemoveLast();
        sizes.RemoveAt(sizes.Count - 1);
        multiplicity.RemoveAt(multiplicity.Count - 1);
    }

    /// <summary>What each member of a pair weighs: its share of its size's mass if that is enumerated; if drawn, the mass over the chance of a draw.</summary>
    private void Weigh(double[] mass, double[] chance, int enumerated)
    {
        double all = chance.Sum();
        weights = [.. Enumerable.Range(0, Pairs).Select(k => k < enumerated ? mass[sizes[k]] / PairsOf(Players, sizes[k]) / 2
            : multiplicity[k] * mass[sizes[k]] / (chance[sizes[k]] / all) / draws / 2)];
    }

    private void Solve(double[] mass, int from)
    {
        int n = Players;
        double diagonal = 0, beside = 0;
        // Of an enumerated size, every player is in as many coalitions, and so is every pair of players.
        for (int t = 1; t < from; t++)
            foreach (int s in 2 * t == n ? [t] : new[] { t, n - t })
            {
                double each = Mass(n, t) / (2 * t == n ? 1 : 2) / Choose(n, s);
                diagonal += each * Choose(n - 1, s - 1);
                beside += each * Choose(n - 2, s - 2);
            }
        var a = new double[n * n];
        Array.Fill(a, beside);
        for (int i = 0; i < n; i++) a[i * n + i] = diagonal;
        AddDrawn(a);

        gram = a;
        Influence(Enumerable.Range(0, n).ToArray());
    }

    /// <summary>Makes c and the vectors P z of the regression on some players; zero for the others.</summary>
    private void Influence(int[] kept)
    {
        int n = Players, k = kept.Length;
        var cholesky = Matrix<double>.Build.Dense(k, k, (i, j) => gram[kept[i] * n + kept[j]]).Cholesky();
        Matrix<double> inverse = cholesky.Solve(Matrix<double>.Build.DenseIdentity(k));
        double[] rows = inverse.ToRowMajorArray(), ones = [.. inverse.RowSums()];
        double sum = ones.Sum();
        influence = new double[Pairs * n];
        share = new double[n];
        var p = new double[n * n];
        for (int i = 0; i < k; i++)
            for (int j = 0; j < k; j++) p[kept[i] * n + kept[j]] = rows[i * k + j] - ones[i] * ones[j] / sum;
        for (int pair = 0; pair < Pairs; pair++)
        {
            Span<double> z = influence.AsSpan(pair * n, n);
            foreach (int i in Games.Coalitions.Members(Coalitions[2 * pair])) AddTo(z, 1, p.AsSpan(i * n, n));
        }
        // φ = A⁻¹1 Δ / 1ᵀA⁻¹1 + P b, and b's pairs are w z v(S) + w (1 − z) v(Sᶜ), of which P sends the ones to zero.
        for (int i = 0; i < k; i++) share[kept[i]] = ones[i] / sum;
    }

    /// <summary>The same coalitions, and the regression on some of the players alone.</summary>
    public KernelDesign Only(int[] kept)
    {
        var only = (KernelDesign)MemberwiseClone();
        only.Influence(kept);
        return only;
    }

    /// <summary>The players that least-angle regression takes first.</summary>
    /// <remarks>
    /// On the regression whose sum constraint is made up of rows: with each S of s players, (M − s) w (v(S) − zᵀφ)² + s w (v(S) − Δ − (z − 1)ᵀφ)², in values above v(∅).
    /// This is how shap selects with l1_reg = "num_features(K)".
    /// </remarks>
    public int[] Select(int keep, double empty, double full, ReadOnlySpan<double> values)
    {
        int n = Players;
        double change = full - empty;
        double[] matrix = augmented ??= Augmented(), right = new double[n];
        for (int k = 0; k < Pairs; k++)
        {
            double difference = values[2 * k] - values[2 * k + 1], inside = weights[k] * (n - sizes[k]) * (difference + change), outside = weights[k] * sizes[k] * (change - difference);
            for (int i = 0; i < n; i++) right[i] += Games.Coalitions.Has(Coalitions[2 * k], i) ? inside : outside;
        }
        int[] chosen = [];
        foreach (var (_, active) in LeastAngle.Path(matrix, right, keep, drops: false)) chosen = active;
        return [.. chosen.Order()];
    }

    private double[] Augmented()
    {
        int n = Players;
        var matrix = new double[n * n];
        for (int k = 0; k < Pairs; k++)
            for (int half = 0; half < 2; half++)
            {
                double weight = 2 * weights[k] * (half == 0 ? n - sizes[k] : sizes[k]);
                List<int> members = Games.Coalitions.Members(Coalitions[2 * k + half]);
                foreach (int i in members)
                    foreach (int j in members) matrix[i * n + j] += weight;
            }
        return matrix;
    }

    /// <summary>Adds w (z zᵀ + zᶜ zᶜᵀ) of every drawn pair.</summary>
    private void AddDrawn(double[] a)
    {
        int n = Players;
        double total = 0;
        var once = new double[n];
        for (int k = 0; k < Pairs; k++)
        {
            if (multiplicity[k] == 0) continue;
            List<int> members = Games.Coalitions.Members(Coalitions[2 * k]);
            total += weights[k];
            foreach (int i in members)
            {
                once[i] += weights[k];
                Span<double> row = a.AsSpan(i * n, n);
                foreach (int j in members) row[j] += 2 * weights[k];
            }
        }
        // zᶜ zᶜᵀ = 1 1ᵀ − 1 zᵀ − z 1ᵀ + z zᵀ
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) a[i * n + j] += total - once[i] - once[j];
    }
}

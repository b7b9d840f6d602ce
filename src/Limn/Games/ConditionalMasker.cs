using Limn.Engine;
using MathNet.Numerics.LinearAlgebra;

namespace Limn.Games;

/// <summary>Which values absent features take.</summary>
public enum AbsentFeatures
{
    /// <summary>Those of the background, whatever the present features are.</summary>
    Independent,

    /// <summary>Those that go with the present features, as far as a Gaussian distribution of the background tells.</summary>
    ConditionalGaussian,
}

/// <summary>The distribution of a table's rows, as a Gaussian: its covariance.</summary>
/// <remarks>To the variances a millionth of their mean is added, so that columns that determine each other do not make it singular.</remarks>
internal sealed class GaussianTable
{
    private const double Ridge = 1e-6;

    /// <exception cref="InvalidOptionException">There are too few rows to tell.</exception>
    public GaussianTable(NdArray rows, IReadOnlyList<double>? weights)
    {
        int n = rows.Dims[0], columns = rows.Length / Math.Max(1, n);
        if (n < columns + 2)
            throw new InvalidOptionException($"A Gaussian distribution of {columns} columns needs at least {columns + 2} background rows to be estimated, and {n} were given. Give more rows, or --set absent=independent.");
        var mean = new double[columns];
        double Weight(int r) => weights is null ? 1.0 / n : weights[r];
        for (int r = 0; r < n; r++)
            for (int c = 0; c < columns; c++) mean[c] += Weight(r) * rows.Floats[r * columns + c];
        Covariance = Matrix<double>.Build.Dense(columns, columns);
        for (int r = 0; r < n; r++)
            for (int i = 0; i < columns; i++)
                for (int j = 0; j <= i; j++) Covariance[i, j] += Weight(r) * (rows.Floats[r * columns + i] - mean[i]) * (rows.Floats[r * columns + j] - mean[j]);
        double ridge = Ridge * Math.Max(Covariance.Trace() / columns, double.Epsilon);
        for (int i = 0; i < columns; i++)
        {
            Covariance[i, i] += ridge;
            for (int j = 0; j < i; j++) Covariance[j, i] = Covariance[i, j];
        }
    }

    public Matrix<double> Covariance { get; }
}

/// <summary>Absent columns of a table take values that go with the present ones: drawn from the conditional distribution of a Gaussian.</summary>
/// <remarks>
/// Of a background row b, x_A | x_S := b_A + Σ_AS Σ_SS⁻¹ (x_S − b_S): if b is drawn from N(μ, Σ), this is a draw from N(μ, Σ) given x_S (Matheron's rule; Journel, Huijbregts 1978). So a
/// coalition is worth E[F(x) | x_S] ("observational", "conditional"), with the background's own rows in place of random numbers: with nobody present they are as they are.
/// Aas, Jullum, Løland: Explaining Individual Predictions when Features Are Dependent, Artificial Intelligence 2021, section 3.2. Features that the model does not use can get
/// credit here, for what they tell about others.
/// </remarks>
/// <param name="players">Who owns which column.</param>
/// <param name="present">The row that is explained.</param>
/// <param name="absent">The background rows.</param>
/// <param name="weights">What each weighs; null where all count the same.</param>
/// <param name="table">The background's covariance.</param>
internal sealed class ConditionalMasker(Players players, NdArray present, NdArray absent, IReadOnlyList<double>? weights, GaussianTable table) : IMasker
{
    public int Players => players.Count;

    public int Draws => absent.Dims[0];

    public IReadOnlyList<double>? Weights => weights;

    public NdArray[] Room(int rows) => [NdArray.Create(present.Type, [rows, .. present.Dims[1..]])];

    public void Write(ReadOnlySpan<ulong> coalition, int draw, int draws, IReadOnlyList<NdArray> rows, int at)
    {
        int columns = present.Length;
        List<int> here = [], gone = [];
        for (int c = 0; c < columns; c++) (players.Of[0][c] < 0 || Coalitions.Has(coalition, players.Of[0][c]) ? here : gone).Add(c);
        // K = Σ_AS Σ_SS⁻¹, by (Σ_SS⁻¹ Σ_SA)ᵀ.
        Matrix<double>? k = here.Count == 0 || gone.Count == 0 ? null
            : Matrix<double>.Build.Dense(here.Count, here.Count, (i, j) => table.Covariance[here[i], here[j]]).Cholesky()
                .Solve(Matrix<double>.Build.Dense(here.Count, gone.Count, (i, j) => table.Covariance[here[i], gone[j]]));
        ReadOnlySpan<float> x = present.Floats;
        for (int d = 0; d < draws; d++)
        {
            ReadOnlySpan<float> b = absent.Floats.Slice((draw + d) * columns, columns);
            Span<float> row = rows[0].Floats.Slice((at + d) * columns, columns);
            foreach (int c in here) row[c] = x[c];
            for (int a = 0; a < gone.Count; a++)
            {
                double value = b[gone[a]];
                for (int s = 0; s < here.Count && k is not null; s++) value += k[s, a] * (x[here[s]] - b[here[s]]);
                row[gone[a]] = (float)value;
            }
        }
    }
}

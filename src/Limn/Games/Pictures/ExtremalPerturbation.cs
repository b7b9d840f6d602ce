using Limn.Data;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Extremal Perturbation: of all smooth parts of a given size, the one that alone keeps the score highest.</summary>
/// <remarks>
/// Maximises 15 F(x̂(m)) / u − w_t mean (sort(m) − r)², with r zeros and then a share of ones, w_t = 300 · 1.0035^t, by stochastic gradient descent with momentum 0.9 on a coarse
/// mask that a smooth maximum widens to blobs and that is interpolated to the picture's size. In x̂ each pixel is blurred the more the less the mask shows it: from a stack of eight blurs
/// (up to 20 of 224 pixels) its two nearest are mixed; with a <see cref="Baseline"/> b + (x − b) m instead. The value of a pixel is the mask. Fong, Patrick, Vedaldi: Understanding Deep
/// Networks via Extremal Perturbations and Smooth Masks, ICCV 2019, eq. 5 and section 3; TorchRay's numbers for 224 pixels (cells of 7, σ of 21), in proportion for others.
/// Beside TorchRay: scores are divided by their unit u, the larger of |F(x) − F(b)| and Σ |∂F/∂m| at the start, and weigh 15, about what a logit of ImageNet changes, so that logits and probabilities
/// weigh alike against the area; where the mask shows pixels alike (to a sixteenth) those count as more shown that bring the score more, because at the start all are alike; the share of ones is not fixed but led
/// (0.02 a step, after a quarter of the steps) so that the mean of the mask, soft edges included, comes to the area, and the mask is at last raised to the power that meets it; the rate is for
/// 32 × 32 cells and shrinks with their number; cells end at the picture's edge; mirroring every other step is an option, because a mirrored digit or word is another.
/// Where the area is still missed by more than 5 % of itself, that is said: an area far smaller than a blob cannot be met.
/// </remarks>
[Method("extremal-perturbation", "Extremal Perturbation", "Of all smooth parts of a picture of a given size, the one that alone keeps the score highest.",
    Source = "Fong, Patrick, Vedaldi 2019, eq. 5",
    Formula = "argmax over m of 15 F(x̂(m)) / u − w mean (sort(m) − r_a)²",
    Cost = "3 × forward + steps × (forward + backward)",
    NotApplicable = Axioms.All, NotApplicableBecause = NoAxioms)]
public sealed class ExtremalPerturbation(OnnxModel model) : MaskMethod(model)
{
    private const int Levels = 8, CellsOf224 = 32, Settling = 4, Degrees = 16;
    private const double MostBlur = 20 / 224.0, Momentum = 0.9, ScoreWeight = 15, AreaWeight = 300, AreaGrowth = 1.0035, Leading = 0.02, Missed = 0.05;

    /// <summary>The share of the picture that the mask shows (default 0.1).</summary>
    [Option("area", "The share of the picture that the mask shows.")]
    public double Area { get; init; } = 0.1;

    /// <summary>Steps of the search (default 800).</summary>
    [Option("steps", "Steps of the search.")]
    public int Steps { get; init; } = 800;

    /// <summary>How far a step goes (default 0.01).</summary>
    [Option("rate", "How far a step goes.")]
    public double Rate { get; init; } = 0.01;

    /// <summary>σ of the blobs in pixels. Null: 21 of 224 along the longer side.</summary>
    [Option("sigma", "The size of the blobs in pixels; 21 of 224 along the longer side when left out.")]
    public double? Sigma { get; init; }

    /// <summary>Whether every other step is on the mirrored picture (default not).</summary>
    [Option("mirror", "Whether every other step is on the mirrored picture.")]
    public bool Mirror { get; init; }

    /// <summary>What the picture is where it is hidden. Null: blurred in eight degrees.</summary>
    public Baseline? Baseline { get; init; }

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        Positive("steps", Steps);
        if (!(Area > 0 && Area < 1)) throw new InvalidOptionException($"The option 'area' is a share between 0 and 1, and {Area} was given.");
        if (!(Rate > 0)) throw new InvalidOptionException($"The option 'rate' must be positive, and {Rate} was given.");
        if (Sigma is { } given && !(given > 0)) throw new InvalidOptionException($"The option 'sigma' must be positive, and {Sigma} was given.");
        double[] prediction = question.Scores();
        var pictures = new Pictures(question, Name);
        PicturePlace place = pictures.Place;
        int cell = Math.Max(1, (int)Math.Round(pictures.Side / (double)CellsOf224));
        MaskMap map = MaskMap.Bilinear(place.Height, place.Width, cell);
        SmoothMaximum[] widening = [.. prediction.Select(_ => new SmoothMaximum(map.Cells, (Sigma ?? pictures.Side * 21 / 224.0) / cell))];
        NdArray[] levels = LevelsOf(pictures), steps = [.. levels.Skip(1).Zip(levels, Pictures.Difference)];
        double[] units = pictures.Units(prediction, pictures.With(levels[0]).Scores());
        double rate = Rate * map.Count / (CellsOf224 * CellsOf224);
        float[][] masks = [.. units.Select(_ => Enumerable.Repeat(1f, map.Count).ToArray())], speeds = [.. units.Select(_ => new float[map.Count])], pixels = [.. units.Select(_ => new float[place.Positions])];
        float[] wide = new float[map.Count], back = new float[place.Positions], gradient = new float[map.Count];
        int[] order = new int[place.Positions];
        double[] shares = [.. units.Select(_ => Area)];

        for (int t = 0; t < Steps; t++)
        {
            question.ThrowIfCancelled();
            bool mirrored = Mirror && t % 2 == 0;
            NdArray seen = Seen();
            (_, NdArray slope) = pictures.GradientAt(mirrored ? Mirrored(seen, place) : seen);
            if (mirrored) slope = Mirrored(slope, place);
            double weight = AreaWeight * Math.Pow(AreaGrowth, t);
            for (int r = 0; r < masks.Length; r++)
            {
                Slope(r, slope, back);
                if (t == 0) units[r] = Math.Max(units[r], back.Sum(v => Math.Abs((double)v)));
                for (int p = 0; p < back.Length; p++) back[p] = (float)(-ScoreWeight * back[p] / units[r]);
                if (t >= Steps / Settling) shares[r] = Math.Clamp(shares[r] + Leading * (Area - pixels[r].Average()), Area / 4, Math.Min(1, 4 * Area));
                int hidden = (int)Math.Round((1 - shares[r]) * place.Positions);
                Rank(pixels[r], back, order);
                for (int k = 0; k < order.Length; k++) back[order[k]] += (float)(2 * weight / order.Length * (pixels[r][order[k]] - (k < hidden ? 0 : 1)));
                map.Reduce(back, wide);
                widening[r].Back(wide, gradient);
                for (int k = 0; k < gradient.Length; k++)
                {
                    speeds[r][k] = (float)(Momentum * speeds[r][k] + (1 - Momentum) * gradient[k]);
                    masks[r][k] = (float)Math.Clamp(masks[r][k] - rate * speeds[r][k], 0, 1);
                }
            }
            question.Report(t + 1, Steps);
        }
        Show();
        foreach (float[] p in pixels) Meet(p, Area);
        double[] areas = [.. pixels.Select(p => p.Sum(v => (double)v) / p.Length)];
        int[] missed = [.. Enumerable.Range(0, areas.Length).Where(r => Math.Abs(areas[r] - Area) > Missed * Area)];
        return new MethodResult(place.Spread(question.Inputs, pixels), prediction)
        {
            Remarks = missed.Length == 0 ? [] : [$"The mask of {Diagnosis.Rows(missed)} shows {areas[missed[0]]:P1} of the picture, where {Area:P1} were asked for. Take more steps (--set steps={2L * Steps}), smaller blobs (--set sigma=...), or a larger area."],
        };

        void Show()
        {
            for (int r = 0; r < masks.Length; r++)
            {
                widening[r].Widen(masks[r], wide);
                map.Enlarge(wide, pixels[r]);
            }
        }

        NdArray Seen()
        {
            Show();
            NdArray seen = levels[0].Copy();
            for (int r = 0; r < masks.Length; r++)
                // Of each step from one level to the next, as much as the mask has passed.
                for (int l = 0; l < steps.Length; l++)
                {
                    for (int p = 0; p < back.Length; p++) back[p] = Math.Clamp(pixels[r][p] * steps.Length - l, 0, 1);
                    place.Mix(pictures.Row(steps[l], r), pictures.Row(seen, r), back, pictures.Row(seen, r));
                }
            return seen;
        }

        void Slope(int r, NdArray upstream, float[] sums)
        {
            float[] own = new float[sums.Length];
            Array.Clear(sums);
            for (int l = 0; l < steps.Length; l++)
            {
                place.SumProducts(pictures.Row(upstream, r), pictures.Row(steps[l], r), own);
                for (int p = 0; p < sums.Length; p++)
                    if ((int)Math.Clamp(pixels[r][p] * steps.Length, 0, steps.Length - 1) == l) sums[p] += own[p] * steps.Length;
            }
        }
    }

    /// <summary>Raises a mask to the power at which its mean is the area, as far as a power between 1/8 and 8 gets there.</summary>
    private static void Meet(float[] mask, double area)
    {
        (double low, double high) = (1 / 8.0, 8);
        for (int i = 0; i < 40; i++)
        {
            double middle = Math.Sqrt(low * high);
            if (mask.Average(m => Math.Pow(m, middle)) > area) low = middle;
            else high = middle;
        }
        for (int p = 0; p < mask.Length; p++) mask[p] = (float)Math.Clamp(Math.Pow(Math.Max(0, mask[p]), high), 0, 1);
    }

    /// <summary>What a pixel is, from hidden to shown.</summary>
    private NdArray[] LevelsOf(Pictures pictures)
    {
        NdArray present = pictures.Present;
        if (Baseline is { } given) return [pictures.Resolve(given, Name), present];
        if (pictures.Place.Interleaved)
            throw new InvalidOptionException("The channels of this picture lie side by side, and it is blurred in planes. Give a baseline instead (--baseline 0, or a file).");
        double most = MostBlur * pictures.Side;
        return [.. Enumerable.Range(0, Levels).Select(l => l == Levels - 1 ? present
            : GaussianBlur.Planes(present, pictures.Place.Height, pictures.Place.Width, most * (1 - l / (Levels - 1.0))))];
    }

    /// <summary>The pixels from the least to the most shown; of equals first those that bring the score less, so that where all are shown alike the score decides which stay.</summary>
    private static void Rank(float[] pixels, float[] slopes, int[] order)
    {
        var keys = new ulong[pixels.Length];
        for (int p = 0; p < keys.Length; p++)
        {
            int gain = BitConverter.SingleToInt32Bits(-slopes[p]); // turned so that its bits, as a number, are in the order of what they stand for
            keys[p] = (ulong)Math.Round(Math.Clamp(pixels[p], 0, 1) * Degrees) << 32 | (uint)(gain < 0 ? ~gain : gain | int.MinValue);
            order[p] = p;
        }
        Array.Sort(keys, order);
    }

    private static NdArray Mirrored(NdArray pictures, PicturePlace place)
    {
        NdArray mirrored = NdArray.Create(ElementType.Float, pictures.Dims.ToArray());
        int inner = place.Interleaved ? place.Channels : 1, line = place.Width * inner;
        for (int e = 0; e < mirrored.Length; e++) mirrored.Floats[e] = pictures.Floats[e / line * line + (place.Width - 1 - e % line / inner) * inner + e % inner];
        return mirrored;
    }
}

using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>How values between samples are found.</summary>
public enum ResizeMode
{
    Nearest,
    Linear,
    Cubic,
}

/// <summary>Where the centre of an output element lies in the input.</summary>
public enum ResizeCoordinates
{
    /// <summary>(x + ½) / scale − ½.</summary>
    HalfPixel,

    /// <summary>As <see cref="HalfPixel"/>, moved so that the middles of input and output coincide where the output length was rounded.</summary>
    HalfPixelSymmetric,

    /// <summary>As <see cref="HalfPixel"/>, but 0 where the output has one element.</summary>
    PytorchHalfPixel,

    /// <summary>x (n − 1) / (m − 1): first and last elements coincide.</summary>
    AlignCorners,

    /// <summary>x / scale.</summary>
    Asymmetric,

    /// <summary>From start (n − 1) to end (n − 1) of a region of interest.</summary>
    TfCropAndResize,
}

/// <summary>Which of two neighbours is the nearest.</summary>
public enum NearestMode
{
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

/// <summary>The attributes of <see cref="Resize"/>, and the interpolation that they mean for an axis.</summary>
public sealed record ResizeGeometry
{
    public ResizeMode Mode { get; init; }

    public ResizeCoordinates Coordinates { get; init; }

    public NearestMode Nearest { get; init; }

    /// <summary>The a of the cubic kernel of Keys, 1981, equation 4.</summary>
    public float CubicA { get; init; } = -0.75f;

    /// <summary>Whether samples beyond the border get no weight, rather than being those on the border.</summary>
    public bool ExcludeOutside { get; init; }

    /// <summary>Whether the kernel is widened when there are fewer outputs than inputs.</summary>
    public bool Antialias { get; init; }

    /// <summary>What lies outside of the input with <see cref="ResizeCoordinates.TfCropAndResize"/>.</summary>
    public float Extrapolation { get; init; }

    internal IEnumerable<OperatorAttribute> Attributes
    {
        get
        {
            yield return new("mode", Lower(Mode.ToString()));
            yield return new("coordinate_transformation_mode", Lower(Coordinates.ToString()));
            if (Mode == ResizeMode.Nearest) yield return new("nearest_mode", Lower(Nearest.ToString()));
            if (Mode == ResizeMode.Cubic) yield return new("cubic_coeff_a", CubicA);
            if (ExcludeOutside) yield return new("exclude_outside", 1L);
            if (Antialias) yield return new("antialias", 1L);
            if (Extrapolation != 0) yield return new("extrapolation_value", Extrapolation);
        }
    }

    /// <exception cref="UnsupportedOperatorException">A name is not known.</exception>
    internal static ResizeGeometry Read(NodeAttributes attributes) => new()
    {
        Mode = Parse<ResizeMode>(attributes.String("mode", "nearest")),
        Coordinates = Parse<ResizeCoordinates>(attributes.String("coordinate_transformation_mode", "half_pixel")),
        Nearest = Parse<NearestMode>(attributes.String("nearest_mode", "round_prefer_floor")),
        CubicA = attributes.Float("cubic_coeff_a", -0.75f),
        ExcludeOutside = attributes.Flag("exclude_outside", false),
        Antialias = attributes.Flag("antialias", false),
        Extrapolation = attributes.Float("extrapolation_value", 0),
    };

    /// <summary>The interpolation along an axis of <paramref name="inputs"/> elements.</summary>
    /// <param name="inputs">How many there are.</param>
    /// <param name="outputs">How many there will be.</param>
    /// <param name="scale">The scale that was asked for, of which the number of outputs may be a rounding.</param>
    /// <param name="start">Where the region of interest begins, as a part of the axis.</param>
    /// <param name="end">Where it ends.</param>
    internal ResampledAxis Axis(int inputs, int outputs, double scale, double start, double end)
    {
        bool widened = Antialias && scale < 1 && Mode != ResizeMode.Nearest;
        double stretch = widened ? scale : 1;
        int reach = Mode == ResizeMode.Linear ? 1 : 2; // of the kernel, to either side
        int before = Mode == ResizeMode.Nearest ? 0 : (int)Math.Floor(-reach / stretch) + 1;
        int width = Mode == ResizeMode.Nearest ? 1 : 2 - 2 * before;
        if (inputs == 0 && outputs > 0) throw new ShapeMismatchException("an empty axis cannot be resized.");
        var index = new int[outputs * width];
        var weight = new float[outputs * width];
        bool[]? outside = null;
        Span<double> taps = stackalloc double[Math.Min(width, 256)];
        if (width > taps.Length) taps = new double[width];
        for (int o = 0; o < outputs; o++)
        {
            double at = Source(o, inputs, outputs, scale, start, end);
            if (Coordinates == ResizeCoordinates.TfCropAndResize && (at < 0 || at > inputs - 1))
            {
                (outside ??= new bool[outputs])[o] = true;
                continue; // no weight
            }
            if (Mode == ResizeMode.Nearest)
            {
                index[o] = Math.Clamp(Neighbour(at), 0, inputs - 1);
                weight[o] = 1;
                continue;
            }
            int floor = (int)Math.Floor(at);
            double ratio = at - floor, sum = 0;
            for (int t = 0; t < width; t++)
            {
                int place = floor + before + t;
                double tap = Kernel((before + t - ratio) * stretch);
                if (ExcludeOutside && (place < 0 || place >= inputs)) tap = 0;
                index[o * width + t] = Math.Clamp(place, 0, inputs - 1);
                taps[t] = tap;
                sum += tap;
            }
            double norm = widened || ExcludeOutside ? 1 / sum : 1;
            for (int t = 0; t < width; t++) weight[o * width + t] = (float)(taps[t] * norm);
        }
        return new ResampledAxis(inputs, outputs, width, index, weight, outside);
    }

    private double Source(int x, int inputs, int outputs, double scale, double start, double end)
    {
        double exact = scale * inputs;
        return Coordinates switch
        {
            ResizeCoordinates.HalfPixel => (x + 0.5) / scale - 0.5,
            ResizeCoordinates.PytorchHalfPixel => outputs > 1 ? (x + 0.5) / scale - 0.5 : 0,
            ResizeCoordinates.HalfPixelSymmetric => inputs / 2.0 * (1 - outputs / exact) + (x + 0.5) / scale - 0.5,
            ResizeCoordinates.AlignCorners => exact == 1 || outputs == 1 ? 0 : x * (inputs - 1) / (exact - 1),
            ResizeCoordinates.Asymmetric => x / scale,
            _ => outputs > 1 ? (start + x * (end - start) / (exact - 1)) * (inputs - 1) : 0.5 * (start + end) * (inputs - 1),
        };
    }

    private int Neighbour(double at) => (int)(Nearest switch
    {
        NearestMode.RoundPreferFloor => Math.Ceiling(at - 0.5),
        NearestMode.RoundPreferCeil => Math.Floor(at + 0.5),
        NearestMode.Floor => Math.Floor(at),
        _ => Math.Ceiling(at),
    });

    private double Kernel(double x)
    {
        x = Math.Abs(x);
        if (Mode == ResizeMode.Linear) return Math.Max(0, 1 - x);
        double a = CubicA;
        return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
    }

    /// <summary>HalfPixel → half_pixel.</summary>
    private static string Lower(string name) => string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i > 0 ? "_" : "") + char.ToLowerInvariant(c) : c.ToString()));

    private static T Parse<T>(string name)
        where T : struct, Enum
    {
        foreach (T value in Enum.GetValues<T>())
            if (Lower(value.ToString()) == name) return value;
        throw new UnsupportedOperatorException($"'{name}' is not known; {string.Join(", ", Enum.GetNames<T>().Select(Lower))} are.");
    }
}

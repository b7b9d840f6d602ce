namespace Limn.Reports;

/// <summary>An sRGB colour of 8 bits a channel.</summary>
public readonly record struct Rgb(byte Red, byte Green, byte Blue)
{
    /// <summary>The colour as CSS writes it: <c>#rrggbb</c>.</summary>
    public string Hex => $"#{Red:x2}{Green:x2}{Blue:x2}";
}

/// <summary>
/// The two colour maps of Limn. Both are drawn in OKLab, where equal steps look equally large, and both keep their order in lightness alone,
/// so they survive every colour-vision deficiency and a black-and-white printer (the sign of a diverging map needs the hue: blue and orange,
/// the pair that all common deficiencies keep apart).
/// </summary>
/// <remarks>Colour space: B. Ottosson, A perceptual color space for image processing, 2020 (bottosson.github.io/posts/oklab).</remarks>
public static class Palette
{
    private const int Steps = 512;
    private static readonly Rgb[] DivergingTable = [.. Enumerable.Range(-Steps, (2 * Steps) + 1).Select(i => DivergingAt(i / (double)Steps))];
    private static readonly Rgb[] SequentialTable = [.. Enumerable.Range(0, Steps + 1).Select(i => SequentialAt(i / (double)Steps))];

    /// <summary>The colour of a value that is not a number or not finite: a grey that neither map contains.</summary>
    public static Rgb NonFinite { get; } = new(128, 128, 128);

    /// <summary>Deep blue at −1, near-white without hue at 0, deep orange at +1; ±t have the same lightness. Values beyond are clipped; NaN gives <see cref="NonFinite"/>.</summary>
    public static Rgb Diverging(double t) =>
        double.IsNaN(t) ? NonFinite : DivergingTable[Steps + (int)Math.Round(Math.Clamp(t, -1, 1) * Steps)];

    /// <summary>Near-black violet at 0, through magenta and orange, to pale yellow at 1, with lightness linear in t. Values beyond are clipped; NaN gives <see cref="NonFinite"/>.</summary>
    public static Rgb Sequential(double t) =>
        double.IsNaN(t) ? NonFinite : SequentialTable[(int)Math.Round(Math.Clamp(t, 0, 1) * Steps)];

    private static Rgb DivergingAt(double t)
    {
        double a = Math.Abs(t);
        double lightness = 0.975 - (0.525 * a);
        double chroma = 0.165 * Math.Sin(Math.PI / 2 * Math.Min(1, a * 1.25)) * (1 - (0.22 * a * a));
        return FromOklch(lightness, chroma, t < 0 ? 252 : 46);
    }

    private static Rgb SequentialAt(double t)
    {
        double lightness = 0.16 + (0.80 * t);
        double chroma = 0.04 + (0.16 * Math.Pow(Math.Sin(Math.PI * Math.Min(1, 0.06 + (0.90 * t))), 0.9));
        double hue = 292 + (173 * Math.Pow(t, 1.25)); // violet, magenta (about 350), orange (410), yellow (465)
        return FromOklch(lightness, chroma, hue);
    }

    /// <summary>OKLCh to sRGB; where the colour lies outside sRGB its chroma is reduced until it fits, which keeps lightness and hue.</summary>
    internal static Rgb FromOklch(double lightness, double chroma, double hueDegrees)
    {
        (double sin, double cos) = Math.SinCos(hueDegrees * Math.PI / 180);
        (double R, double G, double B) linear;
        while (!InGamut(linear = LinearRgb(lightness, chroma * cos, chroma * sin)) && chroma > 0)
        {
            chroma = Math.Max(0, chroma - 0.001);
        }

        return new Rgb(Encode(linear.R), Encode(linear.G), Encode(linear.B));
    }

    private static bool InGamut((double R, double G, double B) c)
    {
        const double slack = 1e-4;
        return Math.Min(c.R, Math.Min(c.G, c.B)) >= -slack && Math.Max(c.R, Math.Max(c.G, c.B)) <= 1 + slack;
    }

    private static (double R, double G, double B) LinearRgb(double lightness, double a, double b)
    {
        double l = Cube(lightness + (0.3963377774 * a) + (0.2158037573 * b));
        double m = Cube(lightness - (0.1055613458 * a) - (0.0638541728 * b));
        double s = Cube(lightness - (0.0894841775 * a) - (1.2914855480 * b));
        return (
            (4.0767416621 * l) - (3.3077115913 * m) + (0.2309699292 * s),
            (-1.2684380046 * l) + (2.6097574011 * m) - (0.3413193965 * s),
            (-0.0041960863 * l) - (0.7034186147 * m) + (1.7076147010 * s));

        static double Cube(double x) => x * x * x;
    }

    private static byte Encode(double linear)
    {
        double c = Math.Clamp(linear, 0, 1);
        double encoded = c <= 0.0031308 ? 12.92 * c : (1.055 * Math.Pow(c, 1 / 2.4)) - 0.055;
        return (byte)Math.Round(255 * encoded);
    }
}

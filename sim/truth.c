/* truth.c - truth.csv. Thread rule: one thread at a time. */
#include <inttypes.h>
#include <math.h>

#include "sim/catalogue.h"

#define DEG (180 / M_PI)

void sim_stamp_name(const sim_plan *plan, uint32_t index, char out[SIM_STAMP_NAME_BYTES])
{
    snprintf(out, SIM_STAMP_NAME_BYTES, "sim%" PRIu64 "-%06u", plan->seed, index);
}

void sim_truth_header(FILE *stream, bool stamps)
{
    fputs(stamps ? "name," : "id,name,brick,objid,", stream);
    fputs("ra,dec,class,role,label,is_lens,z_spec,mag_g,mag_r,mag_z,ebv,re_arcsec,axis_ratio,"
          "pa_deg,fwhm_g,fwhm_r,fwhm_z,deflector,theta_e,sigma_v,lens_q,lens_pa_deg,gamma1,gamma2,"
          "z_source,source_mag_g,source_re,source_x,source_y,magnification,arc_snr,grade,"
          "artefacts\n",
          stream);
}

/* From x, which runs west, towards north, to north through east. */
static double position_angle(double angle)
{
    double pa = fmod(angle * DEG - 90, 180);
    return pa < 0 ? pa + 180 : pa;
}

static void put_lens(FILE *stream, const sim_lens *lens)
{
    fprintf(stream, ",%.4f,%.1f,%.3f,%.1f,%.4f,%.4f,%.4f,%.3f,%.3f,%.4f,%.4f,%.2f,%.1f,%c",
            lens->theta_e, lens->sigma_km_s, lens->q, position_angle(lens->angle), lens->gamma1,
            lens->gamma2, lens->z_source, lens->source_mag_g, lens->source_re, lens->source_x,
            lens->source_y, lens->magnification, lens->arc_snr, lens->grade);
}

/* "trail|ghost" */
static void put_artefacts(FILE *stream, uint32_t artefacts)
{
    const char *separator = ",";

    if (!artefacts)
        fputs(",", stream);
    for (int i = 0; i < NSKY_SIM_ARTEFACT_KINDS; i++)
        if (artefacts & 1u << i) {
            fprintf(stream, "%s%s", separator, nsky_sim_artefact_name(1u << i));
            separator = "|";
        }
}

static void put_object(FILE *stream, const sim_field *field, const sim_object *object, nsky_sky sky)
{
    const double *fwhm = field->conditions.fwhm_arcsec;

    fprintf(stream, "%.7f,%.7f,%s,%s,%s,%d,", sky.ra_deg, sky.dec_deg,
            nsky_sim_class_name(object->class), nsky_sim_role_name(object->role),
            object->is_lens ? "lens" : "other", object->is_lens);
    if (object->class != NSKY_SIM_STAR)
        fprintf(stream, "%.5f", object->z);
    fprintf(stream, ",%.4f,%.4f,%.4f,%.5f", sim_mag(object->total[0]), sim_mag(object->total[1]),
            sim_mag(object->total[2]), field->conditions.ebv);
    if (object->class != NSKY_SIM_STAR)
        fprintf(stream, ",%.3f,%.3f,%.1f", object->re, object->q, position_angle(object->angle));
    else
        fputs(",,,", stream);
    fprintf(stream, ",%.3f,%.3f,%.3f,", fwhm[0], fwhm[1], fwhm[2]);
    if (object->deflector)
        fprintf(stream, "%u", object->deflector);
    if (object->is_lens)
        put_lens(stream, &object->lens);
    else
        fputs(",,,,,,,,,,,,,,", stream);
    put_artefacts(stream, object->artefacts);
    fputc('\n', stream);
}

void sim_truth_rows(FILE *stream, const sim_plan *plan, uint32_t index, const sim_field *field)
{
    char name[SIM_STAMP_NAME_BYTES];

    if (plan->stamps) {
        sim_stamp_name(plan, index, name);
        fprintf(stream, "%s,", name);
        put_object(stream, field, &field->objects[0], sim_plan_stamp(plan, index));
        return;
    }
    sim_brick brick = sim_plan_brick(plan, index);
    for (uint32_t i = 0; i < field->count; i++) {
        const sim_object *object = &field->objects[i];
        nsky_sky sky = sim_pixel_to_sky(brick.centre, field->side, object->x, object->y);
        uint64_t id = (uint64_t)SIM_RELEASE << 40 | (uint64_t)brick.id << 16 | (i + 1);
        nsky_sky_name(sky, name);
        fprintf(stream, "%" PRIu64 ",%s,%s,%u,", id, name, brick.name, i + 1);
        put_object(stream, field, object, sky);
    }
}

#include "doctor.h"

int doctor_hooks(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	return diagnosis_good(diagnosis, "not looked at yet");
}

int doctor_files(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	return diagnosis_good(diagnosis, "not looked at yet");
}

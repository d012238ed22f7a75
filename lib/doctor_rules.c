#include "doctor.h"

int doctor_rules(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	return diagnosis_good(diagnosis, "not looked at yet");
}
